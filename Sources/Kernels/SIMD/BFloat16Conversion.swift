/// Arrays between Float and BFloat16.

import Tensors

extension BFloat16 {
  /// Rounds `count` values as `BFloat16.init(_:)` does. Reads 4 and writes 2 bytes an element.
  public static func round(
    _ values: UnsafePointer<Float>, into rounded: UnsafeMutablePointer<BFloat16>, count: Int
  ) {
    forEachElementGroup(
      count,
      wide: {
        let bits = unsafeBitCast(values.vector(at: $0), to: SIMD16<UInt32>.self)
        let nearest = bits &+ 0x7fff &+ ((bits &>> 16) & 1)
        let isNaN = (bits & 0x7fff_ffff) .> 0x7f80_0000
        let upper = nearest.replacing(with: bits | 0x40_0000, where: isNaN) &>> 16
        UnsafeMutableRawPointer(rounded + $0)
          .storeBytes(of: SIMD16<UInt16>(truncatingIfNeeded: upper), as: SIMD16<UInt16>.self)
      },
      narrow: { rounded[$0] = BFloat16(values[$0]) })
  }

  /// The same of a vector into one as long.
  public static func round(
    _ values: VectorView<Float>, into rounded: MutableVectorView<BFloat16>
  ) {
    require(values.count == rounded.count, "a vector is rounded into one as long")
    guard let base = values.elements.baseAddress, let rounded = rounded.elements.baseAddress else {
      return
    }
    round(base, into: rounded, count: values.count)
  }

  /// Writes `count` values as Float, exactly. Reads 2 and writes 4 bytes an element.
  public static func widen(
    _ values: UnsafePointer<BFloat16>, into widened: UnsafeMutablePointer<Float>, count: Int
  ) {
    for index in 0..<count { widened[index] = Float(values[index]) }
  }

  /// The same of a vector into one as long.
  public static func widen(
    _ values: VectorView<BFloat16>, into widened: MutableVectorView<Float>
  ) {
    require(values.count == widened.count, "a vector is widened into one as long")
    guard let base = values.elements.baseAddress, let widened = widened.elements.baseAddress else {
      return
    }
    widen(base, into: widened, count: values.count)
  }
}
