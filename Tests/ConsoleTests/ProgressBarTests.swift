/// The progress bar on terminals of all widths and in log files.

import Console
import Testing

@Suite struct ProgressBarTests {
  /// A clock that is set by hand.
  final class HandClock {
    var time = Duration.zero
  }

  /// One epoch of 469 steps of 128 images, a step every tenth of a second, stopped after `steps`.
  private func epoch(on console: CapturedConsole, steps: Int, finish: Bool = false) {
    let clock = HandClock()
    let bar = ProgressBar(console: console, now: { clock.time })
    bar.begin("epoch 3/5", total: 469)
    for step in 1...steps {
      clock.time = .milliseconds(100 * step)
      bar.update(completed: step, images: 128 * step, loss: 0.3123, error: 0.1124)
    }
    if finish { bar.finish() }
  }

  @Test("a terminal shows one line with the bar and every figure")
  func fullLine() {
    let console = CapturedConsole(isTerminal: true, width: 110)
    epoch(on: console, steps: 216)
    var screen = ScreenEmulator(width: 110)
    screen.feed(console.text)
    #expect(
      screen.lines == [
        "epoch 3/5  ███████████                46 %  216/469  loss 0.312  error 11.2 %  "
          + "1,280 images/s  0:25 left"
      ])
  }

  @Test("no width makes the line wrap", arguments: 1...130)
  func neverWraps(width: Int) {
    for unicode in [true, false] {
      let console = CapturedConsole(
        isTerminal: true, width: width, usesColor: true, usesUnicode: unicode)
      epoch(on: console, steps: 300)
      var screen = ScreenEmulator(width: width)
      screen.feed(console.text)
      #expect(!screen.wrapped)
      #expect(screen.lines.count == 1)
      #expect(screen.lines[0].count < width)
    }
  }

  @Test("80 columns keep label, a bar, percentage, loss, error and the time left")
  func eightyColumns() {
    let console = CapturedConsole(isTerminal: true, width: 80)
    epoch(on: console, steps: 216)
    var screen = ScreenEmulator(width: 80)
    screen.feed(console.text)
    for part in ["epoch 3/5  ██", "46 %", "loss 0.312", "error 11.2 %", "0:25 left"] {
      #expect(screen.lines[0].contains(part))
    }
  }

  @Test("without Unicode the bar is ASCII")
  func ascii() {
    let console = CapturedConsole(isTerminal: true, width: 110, usesUnicode: false)
    epoch(on: console, steps: 216)
    #expect(console.text.unicodeScalars.allSatisfy { $0.isASCII })
    #expect(console.text.contains("[##########............]"))
  }

  @Test("the terminal is written to at most ten times a second")
  func refreshRate() {
    let clock = HandClock()
    let console = CapturedConsole(isTerminal: true)
    let bar = ProgressBar(console: console, now: { clock.time })
    bar.begin("epoch 1/1", total: 10_000)
    for step in 1...10_000 {
      clock.time = .milliseconds(step)
      bar.update(completed: step, images: step)
    }
    #expect((90...101).contains(console.text.count { $0 == "\r" }))
  }

  @Test("a finished bar leaves nothing on the screen, and other lines take its place")
  func cleared() {
    let console = CapturedConsole(isTerminal: true)
    let clock = HandClock()
    let bar = ProgressBar(console: console, now: { clock.time })
    bar.begin("epoch 1/1", total: 10)
    bar.update(completed: 5, images: 5)
    var screen = ScreenEmulator(width: 80)
    screen.feed(console.text)
    #expect(screen.lines.count == 1)
    #expect(screen.lines[0].hasPrefix("epoch 1/1"))
    bar.finish()
    console.writeLine("warning: slow disk")
    screen = ScreenEmulator(width: 80)
    screen.feed(console.text)
    #expect(screen.lines == ["warning: slow disk", ""])
  }

  @Test("a log file gets plain lines: the first after two seconds, then every ten")
  func plainLines() {
    let console = CapturedConsole()
    epoch(on: console, steps: 469, finish: true)
    let lines = console.text.split(separator: "\n")
    #expect(!console.text.contains { $0 == "\r" || $0 == "\u{1B}" })
    #expect(lines.count == 5)
    #expect(
      lines[0]
        == "epoch 3/5    4 %  20/469  loss 0.312  error 11.2 %  1,280 images/s  0:45 left")
    #expect(lines[1].contains("120/469"))
  }

  @Test("the rate is that of the last ten seconds")
  func smoothing() {
    let clock = HandClock()
    let console = CapturedConsole()
    let bar = ProgressBar(console: console, plainInterval: .seconds(40), now: { clock.time })
    bar.begin("epoch 1/1", total: 1000)
    for second in 1...42 {
      clock.time = .seconds(second)
      // 100 images a second for thirty seconds, then 400.
      let images = 100 * min(second, 30) + 400 * max(0, second - 30)
      bar.update(completed: images / 100, images: images)
    }
    let lines = console.text.split(separator: "\n")
    #expect(lines[0].contains("  100 images/s"))
    #expect(lines[1].contains("  400 images/s"))
  }

  @Test("a resumed pass counts only its own steps into the speed")
  func resumedPass() {
    let clock = HandClock()
    let console = CapturedConsole()
    let bar = ProgressBar(console: console, now: { clock.time })
    bar.begin("epoch 1/1", total: 1000, completed: 900)
    clock.time = .seconds(10)
    bar.update(completed: 910, images: 1280)
    #expect(console.text == "epoch 1/1   91 %  910/1000  128 images/s  1:30 left\n")
  }

  @Test("a pass that others follow tells the time of all of them, too")
  func laterPasses() {
    let clock = HandClock()
    let console = CapturedConsole()
    let bar = ProgressBar(console: console, now: { clock.time })
    bar.begin("epoch 1/3", total: 100, after: 200)
    clock.time = .seconds(10)
    bar.update(completed: 10)
    bar.begin("epoch 3/3", total: 100)
    clock.time = .seconds(20)
    bar.update(completed: 10)
    #expect(
      console.text == "epoch 1/3   10 %  10/100  1:30 left  4:50 in all\n"
        + "epoch 3/3   10 %  10/100  1:30 left\n")
  }
}
