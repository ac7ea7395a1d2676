/// One tensor's line in a safetensors header.

/// What a file says of one tensor: its name, element type, shape and place.
public struct TensorEntry: Hashable, Sendable {
  public let name: String
  public let dtype: DType
  /// Row-major, outermost dimension first; empty for a scalar.
  public let shape: [Int]
  /// The tensor's bytes, counted from the end of the header.
  public let byteRange: Range<Int>

  /// The product of the shape.
  public var count: Int { shape.reduce(1, *) }
}

/// Whether `left` comes before `right` in the order of their UTF-8 bytes.
///
/// Swift compares strings by canonical equivalence, where "é" and "e\u{301}" are equal; files and
/// other languages' sorts tell them apart.
func precedesInBytes(_ left: String, _ right: String) -> Bool {
  left.utf8.lexicographicallyPrecedes(right.utf8)
}
