/// Durations as a clock shows them: `0:41`, `12:07`, `1:02:33`.

import System

extension Duration {
  /// So many seconds as a clock shows them; `-` where no clock does.
  package static func clockText(seconds: Double) -> String {
    abs(seconds) < 1e15 ? Duration.seconds(seconds).clockText : "-"
  }

  /// Whole seconds, rounded; minutes and seconds below an hour, hours in front from there on.
  package var clockText: String {
    let total = max(0, Int(seconds.rounded()))
    let (hours, minutes, rest) = (total / 3600, total / 60 % 60, total % 60)
    let twoDigits = { (value: Int) in value < 10 ? "0\(value)" : "\(value)" }
    return hours > 0
      ? "\(hours):\(twoDigits(minutes)):\(twoDigits(rest))" : "\(minutes):\(twoDigits(rest))"
  }
}
