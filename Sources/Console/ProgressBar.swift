/// How far the present epoch or evaluation is: one rewritten line on a terminal, a plain line every
/// few seconds elsewhere.
///
///     epoch 3/5  ████▌      46 %  216/469  loss 0.312  error 11.2 %  812 images/s  0:41 left

/// One bar serves a whole run, so that plain lines keep their interval across epochs.
package final class ProgressBar {
  private let console: any Console
  private let plainInterval: Duration
  private let now: () -> Duration
  private var present: ProgressLine?
  private var window: RateWindow
  private var nextRefresh: Duration
  private var nextPlainLine: Duration
  private var isDrawn = false
  /// Steps of the passes after the present one.
  private var later = 0

  /// `now` is the time since any fixed moment.
  package init(
    console: any Console, plainInterval: Duration = .seconds(10),
    firstPlainLineAfter first: Duration = .seconds(2),
    now: @escaping () -> Duration = ProgressBar.systemTime
  ) {
    self.console = console
    self.plainInterval = plainInterval
    self.now = now
    let start = now()
    window = RateWindow(start: start, steps: 0, images: 0)
    nextRefresh = start
    nextPlainLine = start + first
  }

  /// Starts a pass of `total` steps called `label`, of which `completed` are done already; `later` steps of
  /// the same kind come after it.
  package func begin(_ label: String, total: Int, completed: Int = 0, after later: Int = 0) {
    finish()
    self.later = later
    present = ProgressLine(label: label, completed: completed, total: total)
    let time = now()
    window = RateWindow(start: time, steps: completed, images: 0)
    nextRefresh = time
    refreshTerminal(at: time)
  }

  /// Says that `completed` steps of the pass are done, `images` images since it began, and how the
  /// network does: mean loss and the fraction of wrong first guesses. Cheap enough for every step.
  package func update(
    completed: Int, images: Int? = nil, loss: Double? = nil, error: Double? = nil
  ) {
    guard present != nil else { return }
    let time = now()
    window.add(time: time, steps: completed, images: images ?? 0)
    present!.completed = completed
    present!.loss = loss
    present!.error = error
    present!.imagesPerSecond = images == nil ? nil : window.imagesPerSecond
    let left = max(0, present!.total - completed)
    func duration(_ steps: Int) -> Duration? {
      window.stepsPerSecond.flatMap { $0 > 0 ? .seconds(Double(steps) / $0) : nil }
    }
    present!.left = duration(left)
    present!.allLeft = later > 0 ? duration(left + later) : nil
    if console.isTerminal {
      refreshTerminal(at: time)
    } else if time >= nextPlainLine {
      console.writeLine(present!.plain)
      nextPlainLine = time + plainInterval
    }
  }

  /// Takes the bar off the terminal until the next refresh, for a line of text.
  package func hide() {
    clear()
    nextRefresh = now()
  }

  /// Ends the pass and takes the bar off the terminal.
  package func finish() {
    clear()
    present = nil
  }

  /// Monotonic time since the program first asked.
  package static let systemTime: @Sendable () -> Duration = {
    let start = ContinuousClock.now
    return { start.duration(to: .now) }
  }()

  private func refreshTerminal(at time: Duration) {
    guard let present, console.isTerminal, time >= nextRefresh else { return }
    let line = present.fitted(
      to: console.width - 1, color: console.usesColor, unicode: console.usesUnicode)
    console.write("\r\(line)\u{1B}[K")
    isDrawn = true
    nextRefresh = time + .milliseconds(100)
  }

  private func clear() {
    guard isDrawn else { return }
    console.write("\r\u{1B}[K")
    isDrawn = false
  }
}
