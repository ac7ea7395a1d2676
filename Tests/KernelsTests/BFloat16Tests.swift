/// Rounding to bfloat16 against the definition.

import Foundation
import Kernels
import Testing

@Suite struct BFloat16Tests {
  /// The bfloat16 nearest to `value`, ties to even, by comparing both neighbours.
  private func nearest(_ value: Float) -> Float {
    let lower = Float(bitPattern: value.bitPattern & 0xffff_0000)
    let upper = Float(bitPattern: (value.bitPattern & 0xffff_0000) + 0x1_0000)
    let below = abs(Double(value) - Double(lower))
    let above = abs(Double(upper) - Double(value))
    if below == above { return lower.bitPattern & 0x1_0000 == 0 ? lower : upper }
    return below < above ? lower : upper
  }

  @Test("rounds to the nearest, ties to even, in every lane")
  func rounding() {
    var values: [Float] = [
      0, -0.0, 1, -1, 3e38 / 2, 1e-40, .leastNonzeroMagnitude, 1.00390625, 1.01171875,
    ]
    for index in 0..<100 { values.append(Float(sin(Double(index))) * Float(index) / 7) }
    var halves = [UInt16](repeating: 0, count: values.count)
    var rounded = [Float](repeating: 0, count: values.count)
    BFloat16.compress(values, into: &halves, count: values.count)
    BFloat16.expand(halves, into: &rounded, count: values.count)
    for (value, result) in zip(values, rounded) {
      #expect(result.bitPattern == nearest(value).bitPattern, "\(value) became \(result)")
    }
  }

  @Test("NaN stays NaN and infinity infinite, in vectors and behind them")
  func special() {
    for count in [1, 16, 17] {
      for (value, isNaN) in [
        (Float.nan, true), (Float(bitPattern: 0x7f80_0001), true), (.infinity, false),
        (-.infinity, false),
      ] {
        let values = [Float](repeating: value, count: count)
        var halves = [UInt16](repeating: 0, count: count)
        var results = [Float](repeating: 0, count: count)
        BFloat16.compress(values, into: &halves, count: count)
        BFloat16.expand(halves, into: &results, count: count)
        #expect(results.allSatisfy { isNaN ? $0.isNaN : $0 == value })
      }
    }
  }
}
