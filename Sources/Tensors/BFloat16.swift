/// bfloat16: the upper half of a Float's bits, 8 of the exponent and 7 of the fraction.

/// A number as bfloat16, for storage and messages: arithmetic is done in Float.
@frozen
public struct BFloat16: BitwiseCopyable, Sendable {
  public let bitPattern: UInt16

  @inlinable
  public init(bitPattern: UInt16) { self.bitPattern = bitPattern }

  /// Rounds to nearest, ties to even.
  ///
  /// NaN stays NaN, with its sign and the upper bits of its payload, made quiet. What rounds past the
  /// largest finite value becomes infinite. Subnormal numbers are rounded as all others are.
  @inlinable
  public init(_ value: Float) {
    let bits = value.bitPattern
    bitPattern =
      value.isNaN
      ? UInt16(truncatingIfNeeded: (bits | 0x40_0000) >> 16)
      : UInt16(truncatingIfNeeded: (bits &+ 0x7fff &+ (bits >> 16 & 1)) >> 16)
  }
}

extension Float {
  /// The same number; every bfloat16 is a Float.
  @inlinable
  public init(_ value: BFloat16) { self.init(bitPattern: UInt32(value.bitPattern) << 16) }
}
