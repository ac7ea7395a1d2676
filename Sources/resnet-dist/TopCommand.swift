/// `resnet-dist top`: follows runs while they train.

import ArgumentParser
import Console
import Reports

struct TopCommand: RankedCommand {
  static let usesRanks = false

  static let configuration = CommandConfiguration(
    commandName: "top",
    abstract: "Follow runs in the terminal while they train.",
    usage: "resnet-dist top <folder> ... [<options>]",
    discussion: """
      Shows what each run does, its losses, errors, speed, time left and last checkpoint, and whether it \
      has stopped, died or hangs. It only reads the run folders, on any machine that sees them:

        resnet-dist top runs/r56
        resnet-dist top runs/*

      On a terminal the page is drawn anew each second, until q or Ctrl-C. Elsewhere it prints a line for \
      each run every ten seconds, until all have ended.
      """)

  @Argument(help: "Run folders.", completion: .directory)
  var folders: [String]

  @Option(
    help: ArgumentHelp(
      "Seconds between readings. (default: 1 on a terminal, 10 elsewhere)", valueName: "seconds"))
  var interval: Double?

  @Flag(help: "Print a line for each run and end.")
  var once = false

  func validate() throws {
    if let interval, !(0.1...86_400).contains(interval) {
      throw ValidationError("--interval takes 0.1 to 86400 seconds, not \(interval)")
    }
  }

  func runAlone() throws {
    let monitor = try RunMonitor(folders, console: .output, interval: interval)
    if once { try monitor.showOnce() } else { try monitor.follow() }
  }
}
