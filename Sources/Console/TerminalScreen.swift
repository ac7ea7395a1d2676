/// The whole terminal as one page that is drawn again and again, and keys that end it.

import Glibc

/// While it exists, keys are not echoed and the terminal shows another screen than before.
package final class TerminalScreen {
  private let console: StandardConsole
  private var saved: termios

  /// Takes the terminal; nil where the console is none, or keys come from none.
  package static func open(_ console: StandardConsole) -> TerminalScreen? {
    var settings = termios()
    guard console.isTerminal, tcgetattr(STDIN_FILENO, &settings) == 0 else { return nil }
    return TerminalScreen(console, settings)
  }

  private init(_ console: StandardConsole, _ settings: termios) {
    self.console = console
    saved = settings
    var silent = settings
    // Ctrl-C comes as a key, so that the terminal is put back as it was.
    silent.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
    tcsetattr(STDIN_FILENO, TCSANOW, &silent)
    console.write("\u{1B}[?1049h\u{1B}[?25l")
  }

  deinit {
    console.write("\u{1B}[?25h\u{1B}[?1049l")
    tcsetattr(STDIN_FILENO, TCSANOW, &saved)
  }

  /// Replaces the page; at most as many lines as the terminal has.
  package func draw(_ lines: [String]) {
    console.write(
      "\u{1B}[H" + lines.map { $0 + "\u{1B}[K" }.joined(separator: "\r\n") + "\u{1B}[J")
  }

  /// Waits for a key: whether it is q, Ctrl-C or Ctrl-D, or there will be no more.
  package func isAskedToEnd(within seconds: Double) -> Bool {
    guard Self.waitForInput(STDIN_FILENO, seconds: seconds) else { return false }
    var key: UInt8 = 0
    return read(STDIN_FILENO, &key, 1) != 1
      || [UInt8(ascii: "q"), UInt8(ascii: "Q"), 3, 4].contains(key)
  }

  /// Waits until `descriptor` has input, a signal comes or the time is over; whether there is input.
  package static func waitForInput(_ descriptor: Int32?, seconds: Double) -> Bool {
    var request = pollfd(fd: descriptor ?? -1, events: Int16(POLLIN), revents: 0)
    return poll(&request, 1, Int32(max(0, seconds) * 1000)) > 0
  }
}
