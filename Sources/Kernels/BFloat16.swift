/// Floats with the upper half of their bits: 8 of the exponent, 7 of the fraction.

public enum BFloat16 {
  /// Rounds to the nearest, ties to even; NaN stays NaN, and what rounds past the largest value becomes
  /// infinite.
  public static func compress(
    _ values: UnsafePointer<Float>, into halves: UnsafeMutablePointer<UInt16>, count: Int
  ) {
    var index = 0
    while index + 16 <= count {
      let bits = unsafeBitCast(values.vector(at: index), to: SIMD16<UInt32>.self)
      let rounded = bits &+ 0x7fff &+ ((bits &>> 16) & 1)
      let isNaN = (bits & 0x7fff_ffff) .> 0x7f80_0000
      let upper = rounded.replacing(with: bits | 0x40_0000, where: isNaN) &>> 16
      UnsafeMutableRawPointer(halves + index)
        .storeBytes(of: SIMD16<UInt16>(truncatingIfNeeded: upper), as: SIMD16<UInt16>.self)
      index += 16
    }
    while index < count {
      let bits = values[index].bitPattern
      halves[index] =
        values[index].isNaN
        ? UInt16((bits | 0x40_0000) >> 16) : UInt16((bits &+ 0x7fff &+ (bits >> 16 & 1)) >> 16)
      index += 1
    }
  }

  public static func expand(
    _ halves: UnsafePointer<UInt16>, into values: UnsafeMutablePointer<Float>, count: Int
  ) {
    for index in 0..<count { values[index] = Float(bitPattern: UInt32(halves[index]) << 16) }
  }
}
