/// Rounding to bfloat16 against the definition.

import Foundation
import Kernels
import Tensors
import TestSupport
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

  private func roundTrip(_ values: [Float]) -> [Float] {
    var halves = [BFloat16](repeating: BFloat16(0), count: values.count)
    var results = [Float](repeating: 0, count: values.count)
    BFloat16.round(values, into: &halves, count: values.count)
    BFloat16.widen(halves, into: &results, count: values.count)
    return results
  }

  @Test("arrays round as single values do, whatever the bits")
  func vectors() {
    var data = TestData(seed: 1)
    let values = (0..<10_001).map { _ in
      Float(bitPattern: UInt32(truncatingIfNeeded: data.next()))
    }
    for (value, result) in zip(values, roundTrip(values)) {
      #expect(result.bitPattern == Float(BFloat16(value)).bitPattern, "\(data)")
    }
  }

  @Test("every bfloat16 is the Float that rounds to it")
  func exact() {
    for bits in UInt16.min...UInt16.max {
      let value = Float(BFloat16(bitPattern: bits))
      let isQuiet = !value.isNaN || value.bitPattern & 0x40_0000 != 0
      #expect(BFloat16(value).bitPattern == (isQuiet ? bits : bits | 0x40))
    }
  }

  @Test("rounds to the nearest, ties to even, in every lane")
  func rounding() {
    var values: [Float] = [
      0, -0.0, 1, -1, 3e38 / 2, 1e-40, .leastNonzeroMagnitude, 1.00390625, 1.01171875,
    ]
    for index in 0..<100 { values.append(Float(sin(Double(index))) * Float(index) / 7) }
    let rounded = roundTrip(values)
    for (value, result) in zip(values, rounded) {
      #expect(result.bitPattern == nearest(value).bitPattern, "\(value) became \(result)")
    }
  }

  @Test("NaN stays NaN and infinity infinite, in vectors and after them")
  func special() {
    for count in [1, 16, 17] {
      for (value, isNaN) in [
        (Float.nan, true), (Float(bitPattern: 0x7f80_0001), true), (.infinity, false),
        (-.infinity, false),
      ] {
        let values = [Float](repeating: value, count: count)
        let results = roundTrip(values)
        #expect(results.allSatisfy { isNaN ? $0.isNaN : $0 == value })
      }
    }
  }
}
