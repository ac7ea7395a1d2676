/// Views of vectors: neighbouring elements in memory of another owner, with their count.

/// Elements to read.
///
/// As a `Span`, but it can be stored: whoever makes it keeps the memory alive while it is used.
@frozen
public struct VectorView<Element: BitwiseCopyable> {
  /// The same elements, for MPI and kernels.
  public let elements: UnsafeBufferPointer<Element>

  @inlinable
  public init(_ elements: UnsafeBufferPointer<Element>) { self.elements = elements }

  @inlinable
  public init(_ view: MutableVectorView<Element>) {
    elements = UnsafeBufferPointer(view.elements)
  }

  @inlinable public var count: Int { elements.count }

  @inlinable
  public subscript(_ index: Int) -> Element { elements[index] }

  /// Some of the elements.
  @inlinable
  public subscript(_ range: Range<Int>) -> VectorView {
    VectorView(UnsafeBufferPointer(rebasing: elements[range]))
  }

  /// Row `index` of the matrix [rows, width] that begins here.
  @inlinable
  public func row(_ index: Int, width: Int) -> VectorView {
    self[index * width..<(index + 1) * width]
  }
}

/// Elements to read and to write.
///
/// Whoever makes it keeps the memory alive while it is used.
@frozen
public struct MutableVectorView<Element: BitwiseCopyable> {
  /// The same elements, for MPI and kernels.
  public let elements: UnsafeMutableBufferPointer<Element>

  @inlinable
  public init(_ elements: UnsafeMutableBufferPointer<Element>) { self.elements = elements }

  /// - Parameter base: the first of `count` elements.
  @inlinable
  public init(base: UnsafeMutablePointer<Element>, count: Int) {
    elements = UnsafeMutableBufferPointer(start: base, count: count)
  }

  @inlinable public var count: Int { elements.count }

  @inlinable
  public subscript(_ index: Int) -> Element {
    get { elements[index] }
    nonmutating set { elements[index] = newValue }
  }

  /// Some of the elements.
  @inlinable
  public subscript(_ range: Range<Int>) -> MutableVectorView {
    MutableVectorView(UnsafeMutableBufferPointer(rebasing: elements[range]))
  }

  /// The elements from `index` on.
  @inlinable
  public subscript(_ range: PartialRangeFrom<Int>) -> MutableVectorView {
    self[range.lowerBound..<count]
  }

  /// Row `index` of the matrix [rows, width] that begins here.
  @inlinable
  public func row(_ index: Int, width: Int) -> MutableVectorView {
    self[index * width..<(index + 1) * width]
  }

  /// Copies `source` to the first elements; the two may overlap.
  ///
  /// - Precondition: there is room for it.
  @inlinable
  public func update(from source: VectorView<Element>) {
    precondition(source.count <= count, "\(source.count) elements do not fit into \(count)")
    if let base = source.elements.baseAddress {
      elements.baseAddress!.update(from: base, count: source.count)
    }
  }

  @inlinable
  public func update(from source: MutableVectorView) { update(from: VectorView(source)) }

  /// Sets all elements.
  @inlinable
  public func update(repeating value: Element) { elements.update(repeating: value) }
}

extension VectorView {
  /// The same memory as bytes.
  @inlinable public var bytes: VectorView<UInt8> {
    VectorView<UInt8>(UnsafeRawBufferPointer(elements).bindMemory(to: UInt8.self))
  }
}

extension MutableVectorView {
  /// The same memory as bytes.
  @inlinable public var bytes: MutableVectorView<UInt8> {
    MutableVectorView<UInt8>(UnsafeMutableRawBufferPointer(elements).bindMemory(to: UInt8.self))
  }
}

extension AlignedBuffer {
  /// All elements; valid while the buffer lives.
  @inlinable public var view: MutableVectorView<Element> { MutableVectorView(elements) }
}

extension AlignedBuffer where Element == UInt8 {
  /// `count` elements of another type from the byte at `offset` on; valid while the buffer lives.
  ///
  /// - Precondition: they lie in the buffer, and `offset` suits the type's alignment.
  public func view<Other: BitwiseCopyable>(
    of type: Other.Type, at offset: Int, count: Int
  ) -> MutableVectorView<Other> {
    precondition(
      offset >= 0 && offset % MemoryLayout<Other>.alignment == 0
        && offset + count * MemoryLayout<Other>.stride <= self.count, "outside of the buffer")
    return MutableVectorView(
      base: UnsafeMutableRawPointer(pointer + offset).assumingMemoryBound(to: Other.self),
      count: count)
  }
}
