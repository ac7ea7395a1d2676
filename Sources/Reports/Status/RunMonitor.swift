/// `resnet-dist top`: follows runs in a terminal, or line by line in a log.

import Console
import System

package struct RunMonitor {
  private let paths: [String]
  private let console: StandardConsole
  /// Seconds between readings; nil: 1 on a terminal, 10 elsewhere.
  private let interval: Double?

  /// - Throws: `RunRecordError` where one is no run's folder.
  package init(
    _ paths: [String], console: StandardConsole, interval: Double?
  ) throws(RunRecordError) {
    for path in paths { _ = try RunView(path) }
    (self.paths, self.console, self.interval) = (paths, console, interval)
  }

  /// Shows all runs once.
  package func showOnce() throws {
    for path in paths { try console.writeResultLine(RunView(path).line) }
  }

  /// Follows the runs until q, Ctrl-C or a signal, or, without a terminal, until all have ended.
  package func follow() throws(RunRecordError) {
    StopSignals.watch()
    if let screen = TerminalScreen.open(console) {
      while StopSignals.received == nil {
        screen.draw(try page())
        if screen.isAskedToEnd(within: interval ?? 1) { return }
      }
    } else {
      while StopSignals.received == nil {
        let views = try views()
        for view in views { console.writeLine(view.line) }
        if !views.contains(where: \.health.isOpen) { return }
        pause(interval ?? 10)
      }
    }
  }

  private func views() throws(RunRecordError) -> [RunView] {
    var views: [RunView] = []
    for path in paths { views.append(try RunView(path)) }
    return views
  }

  /// The lines of all runs, cut to the terminal's size; titles in bold.
  private func page() throws(RunRecordError) -> [String] {
    let views = try views()
    let open = views.count(where: \.health.isOpen)
    var lines: [String] = []
    for view in views {
      var paragraph = view.lines(width: console.width, unicode: console.usesUnicode)
      if console.usesColor { paragraph[0] = "\u{1B}[1m\(paragraph[0])\u{1B}[0m" }
      lines += paragraph + [""]
    }
    let room = max(1, console.height - 2)
    if lines.count > room { lines = Array(lines.prefix(room)) }
    return lines + ["\(open) of \(views.count) going on; q ends"]
  }

  /// Sleeps, unless a signal comes.
  private func pause(_ seconds: Double) {
    let end = MonotonicClock.now + seconds
    while StopSignals.received == nil, MonotonicClock.now < end {
      _ = TerminalScreen.waitForInput(nil, seconds: min(0.5, end - MonotonicClock.now))
    }
  }
}
