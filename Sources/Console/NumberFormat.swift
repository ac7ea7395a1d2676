/// How the console writes the figures of a run: losses, errors, rates, learning rates.

import Foundation
import Tensors

package enum NumberFormat {
  /// The shortest decimal that reads back to the same value; `nan` has no sign, which would mean nothing.
  package static func plain(_ value: Double) -> String { value.isNaN ? "nan" : "\(value)" }

  /// `decimals` digits after the point; `nan` and `inf` as they are.
  package static func decimal(_ value: Double, decimals: Int) -> String {
    value.isFinite ? String(format: "%.\(decimals)f", value) : plain(value)
  }

  /// Three decimals below 10, fewer above: `0.312`, `12.35`; `nan` and `inf` as they are.
  package static func loss(_ value: Double) -> String {
    guard value.isFinite else { return plain(value) }
    return String(format: abs(value) < 10 ? "%.3f" : abs(value) < 1000 ? "%.2f" : "%.3g", value)
  }

  /// A fraction as a percentage with `decimals` digits: `11.2 %`.
  package static func percent(_ fraction: Double, decimals: Int = 1) -> String {
    guard fraction.isFinite else { return plain(fraction) }
    return String(format: "%.\(decimals)f %%", fraction * 100)
  }

  /// Whole images from 100 a second on, one decimal below: `1,204`, `7.3`.
  package static func rate(_ value: Double) -> String {
    guard value.isFinite, value < 1e15 else { return "-" }
    return value < 99.95 ? String(format: "%.1f", value) : Int(value.rounded()).grouped
  }

  /// At most four significant digits: `0.1`, `0.09755`, `1e-05`.
  package static func learningRate(_ value: Double) -> String {
    String(format: "%.4g", value)
  }

  /// A count in millions, or thousands of millions: `40.6 million`, `3.86 billion`.
  package static func millions(_ value: Int) -> String {
    value < 1_000_000_000
      ? String(format: "%.1f million", Double(value) / 1e6)
      : String(format: "%.2f billion", Double(value) / 1e9)
  }

  /// Files and messages, to three digits: `188 MB`, `1.05 GB`, `77.9 kB`.
  package static func bytes(_ count: Int) -> String {
    var value = Double(count)
    for unit in ["B", "kB", "MB", "GB"] {
      if value < 999.5 { return String(format: "%.3g \(unit)", value) }
      value /= 1000
    }
    return String(format: "%.1f TB", value)
  }

  /// Memory: `188 MiB`.
  package static func mebibytes(_ bytes: Int) -> String {
    "\((bytes >> 20).grouped) MiB"
  }
}
