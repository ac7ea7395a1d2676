/// How fast a core multiplies.

import Tensors

public enum ProductRate {
  /// FLOP/s of products on this core whose operands and result stay in its caches: the fastest of those in
  /// 20 ms, so that what else runs there counts little.
  public static func measure(_ arithmetic: ProductArithmetic) -> Double {
    switch arithmetic {
    case .float32: measure(Float.self)
    case .bfloat16: measure(BFloat16Pair.self)
    case .bfloat16Tiles: measure(BFloat16TilePair.self)
    }
  }

  private static func measure<Factor: ProductFactor>(_ factor: Factor.Type) -> Double {
    let (rows, columns, depth) = (96, 64, 256)
    let steps = depth / Factor.elements
    let a = AlignedBuffer<Factor.Element>(count: rows * depth)
    let b = AlignedBuffer<Factor.Element>(count: columns * depth)
    let c = AlignedBuffer<Float>(count: rows * columns)
    let clock = ContinuousClock()
    let end = clock.now + .milliseconds(20)
    var shortest = Duration.seconds(1)
    repeat {
      let passed = clock.measure {
        PackedGEMM.multiply(
          m: rows, n: columns, k: steps, a: .rows(UnsafePointer(a.pointer), stride: depth),
          b: UnsafeRawPointer(b.pointer).assumingMemoryBound(to: Factor.self), c: c.pointer,
          cStride: columns)
      }
      shortest = min(shortest, passed)
    } while clock.now < end
    return Double(2 * rows * columns * depth) / (shortest / .seconds(1))
  }
}
