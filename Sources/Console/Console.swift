/// Where progress and tables are written, and what that place can show.

/// A stream of text for people. `StandardConsole` is the process's own, `CapturedConsole` keeps what
/// is written.
package protocol Console {
  /// Writes at once, without a newline of its own.
  func write(_ text: String)
  /// Whether a line can be rewritten with a carriage return.
  var isTerminal: Bool { get }
  /// Columns of a line, asked anew each time because windows are resized.
  var width: Int { get }
  /// Whether escape sequences for colour and weight are welcome.
  var usesColor: Bool { get }
  /// Whether characters beyond ASCII can be shown.
  var usesUnicode: Bool { get }
}

extension Console {
  package var usesColor: Bool { false }
  package var usesUnicode: Bool { true }

  /// Writes one whole line.
  package func writeLine(_ text: String) { write(text + "\n") }
}

/// A console in memory.
package final class CapturedConsole: Console {
  /// Everything written so far.
  package private(set) var text = ""
  package var isTerminal: Bool
  package var width: Int
  package var usesColor: Bool
  package var usesUnicode: Bool

  package init(
    isTerminal: Bool = false, width: Int = 80, usesColor: Bool = false, usesUnicode: Bool = true
  ) {
    self.isTerminal = isTerminal
    self.width = width
    self.usesColor = usesColor
    self.usesUnicode = usesUnicode
  }

  package func write(_ text: String) { self.text += text }
}
