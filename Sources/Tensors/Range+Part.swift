/// Nearly equal parts of a range.

extension Range<Int> {
  /// Part `index` of `parts` nearly equal ones.
  @inlinable
  @inline(__always)
  package func part(_ index: Int, of parts: Int) -> Range<Int> {
    lowerBound + count * index / parts..<lowerBound + count * (index + 1) / parts
  }
}
