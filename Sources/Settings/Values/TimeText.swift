/// Lengths of time as people and batch systems write them.

extension ValueFormat where Value == Int {
  /// Seconds, written as `2:30:00`, Slurm's `1-12:00:00`, or a number with its unit: `90m`, `1.5h`, `2d`.
  static var time: Self {
    .init("a time such as 2:30:00, 1-12:00:00, 90m, 1.5h or 2d", valueName: "time") {
      TimeText.seconds($0).flatMap { $0 > 0 ? $0 : nil }
    } text: {
      TimeText.text($0)
    }
  }
}

package enum TimeText {
  private static let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
  private static let longest = 1e9

  /// Nil where the text is no time.
  package static func seconds(_ text: String) -> Int? {
    if let unit = text.last.flatMap({ units[$0] }) {
      guard let number = Double(text.dropLast()), number.isFinite, number >= 0,
        number * unit <= longest
      else { return nil }
      return Int((number * unit).rounded())
    }
    let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    let clock = parts.last!.split(separator: ":", omittingEmptySubsequences: false)
    // Without the hours' colon nobody knows whether seconds or minutes are meant.
    guard clock.count == 3, let days = parts.count == 2 ? whole(parts[0]) : 0,
      let hours = whole(clock[0]), let minutes = whole(clock[1]), let seconds = whole(clock[2]),
      minutes < 60, seconds < 60
    else { return nil }
    let total = Double(days) * 86_400 + Double(hours) * 3600 + Double(minutes * 60 + seconds)
    return total <= longest ? Int(total) : nil
  }

  private static func whole(_ text: Substring) -> Int? {
    !text.isEmpty && text.count < 10 && text.allSatisfy(\.isNumber) ? Int(text) : nil
  }

  /// As `2:30:00`.
  package static func text(_ seconds: Int) -> String {
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(seconds / 3600):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
  }
}
