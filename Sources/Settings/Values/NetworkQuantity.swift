/// Latencies and bandwidths with their units, as people write them.

/// `50us`, `1.5ms`, `10Gbit`.
package enum NetworkQuantity {
  private static let seconds = ["ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1]
  private static let bytesPerSecond = [
    "kbit": 1e3 / 8, "Mbit": 1e6 / 8, "Gbit": 1e9 / 8, "MB": 1e6, "GB": 1e9,
  ]

  /// What a latency looks like, for messages.
  package static let latencyExample = "a time such as 50us or 1.5ms"
  /// What a bandwidth looks like.
  package static let bandwidthExample = "a rate a second such as 10Gbit, 800Mbit or 1.25GB"

  /// Seconds; nil when the text is no time of 0 or more.
  package static func latency(_ text: String) -> Double? { value(text, seconds, least: 0) }

  /// Bytes a second; nil when the text is no positive rate.
  package static func bandwidth(_ text: String) -> Double? {
    value(text, bytesPerSecond, least: .leastNonzeroMagnitude)
  }

  private static func value(
    _ text: String, _ units: [String: Double], least: Double
  ) -> Double? {
    let digits = text.prefix { $0.isNumber || $0 == "." }
    let unit = text.dropFirst(digits.count).drop { $0 == " " }
    guard let number = Double(digits), let factor = units[String(unit)], number.isFinite,
      number >= least
    else { return nil }
    return number * factor
  }
}
