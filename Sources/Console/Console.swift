/// Where progress and tables are written, and what it can display.

/// A stream of text for people, such as `StandardConsole`.
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
