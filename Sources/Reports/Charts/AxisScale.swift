/// The ticks of a chart's axis.

import Foundation

/// A linear axis over some values, with round ticks.
package struct AxisScale: Equatable, Sendable {
  package let range: ClosedRange<Double>
  package let ticks: [Double]

  /// An axis that has all values, with some five ticks at multiples of 1, 2 or 5 times a power of ten.
  ///
  /// - Parameters:
  ///   - values: those that are finite, and not next to the end of all numbers, count; without any the axis is 0 to 1.
  ///   - fromZero: whether it begins at 0 where no value is below.
  ///   - isTight: whether it ends with the largest value instead of a tick.
  package init(_ values: [Double], fromZero: Bool = false, isTight: Bool = false) {
    // Beyond these, differences and their parts are infinite or 0.
    let (largest, least) = (1e300, 1e-300)
    let finite = values.filter { abs($0) < largest }
    var low = finite.min() ?? 0
    var high = finite.max() ?? 1
    if fromZero { low = min(low, 0) }
    if high - low < least {
      // A lone value has room around it.
      let room = abs(low) < least ? 1 : abs(low) / 2
      (low, high) = (fromZero && low >= 0 ? 0 : low - room, high + room)
    }
    let step = Self.step((high - low) / 5)
    let first = (low / step).rounded(.down)
    let last = isTight ? (high / step + 1e-9).rounded(.down) : (high / step - 1e-9).rounded(.up)
    ticks = stride(from: first, through: last, by: 1).map { $0 * step }
    range = first * step...(isTight ? max(high, last * step) : last * step)
  }

  /// The multiple of a power of ten that is next above `rough`.
  private static func step(_ rough: Double) -> Double {
    let power = pow(10, log10(rough).rounded(.down))
    let digit = [1, 2, 5, 10].first { Double($0) * power >= rough * (1 - 1e-9) } ?? 10
    return Double(digit) * power
  }

  /// Where a value is on the axis: 0 at its start, 1 at its end.
  package func position(_ value: Double) -> Double {
    (value - range.lowerBound) / (range.upperBound - range.lowerBound)
  }
}
