/// What a run says of a precision that this processor is slow in.

import Foundation
import Networks

package enum PrecisionNote {
  /// Below this, halved memory traffic does not make up for more products: in bf16 Winograd's algorithms save
  /// fewer of them.
  private static let leastSpeedup = 1.2

  /// A line for rank 0 to show; nil: nothing is wrong. Measures for 40 ms where the precision is not fp32.
  static func line(_ precision: Precision) -> String? {
    guard precision != .fp32 else { return nil }
    let speedup = precision.measureSpeedup()
    guard isSlow(speedup) else { return nil }
    return "note: \(text(precision, speedup: speedup)); \(remedy)"
  }

  /// Whether fp32 is faster as a whole than a precision whose products have this speedup.
  package static func isSlow(_ speedup: Double) -> Bool { speedup < leastSpeedup }

  /// What to do where a precision is slow.
  package static let remedy = "--precision fp32 is faster and takes more memory"

  /// - Parameter speedup: of the products, over fp32's.
  package static func text(_ precision: Precision, speedup: Double) -> String {
    "on this processor \(precision.rawValue) products run at \(String(format: "%.1f", speedup)) times the "
      + "speed of fp32 products"
  }
}
