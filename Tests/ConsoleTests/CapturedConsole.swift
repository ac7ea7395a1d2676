/// A console that tests can read.

import Console

/// Keeps what is written in memory.
final class CapturedConsole: Console {
  /// Everything written so far.
  private(set) var text = ""
  var isTerminal: Bool
  var width: Int
  var usesColor: Bool
  var usesUnicode: Bool

  init(
    isTerminal: Bool = false, width: Int = 80, usesColor: Bool = false, usesUnicode: Bool = true
  ) {
    self.isTerminal = isTerminal
    self.width = width
    self.usesColor = usesColor
    self.usesUnicode = usesUnicode
  }

  func write(_ text: String) { self.text += text }
}
