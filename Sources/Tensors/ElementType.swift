/// What the elements of a tensor are.

/// The element types that values between layers may have.
public enum ElementType: Hashable, Sendable {
  case float32
  case bfloat16

  /// Bytes of an element.
  public var stride: Int {
    switch self {
    case .float32: 4
    case .bfloat16: 2
    }
  }

  /// Half of the distance between neighbouring numbers, relative to the smaller one: what rounding a result
  /// may add to its error.
  public var roundingError: Double {
    switch self {
    case .float32: 0x1p-24
    case .bfloat16: 0x1p-8
    }
  }

  /// Floats that take the memory of `count` elements.
  public func floats(_ count: Int) -> Int {
    (count * stride + ElementType.float32.stride - 1) / ElementType.float32.stride
  }
}
