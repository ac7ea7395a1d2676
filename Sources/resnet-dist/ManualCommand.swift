/// `resnet-dist manual`: the manual page, for `launch/install`.

import ArgumentParser
import BuildInformation
import Console

struct ManualCommand: RankedCommand {
  static let usesRanks = false

  static let configuration = CommandConfiguration(
    commandName: "manual",
    abstract: "Print the manual page, as man reads it.",
    discussion: """
        resnet-dist manual >resnet-dist.1
        man -l resnet-dist.1
      """, shouldDisplay: false)

  func runAlone() throws {
    let page = ManualPage(
      try CommandDescription(of: ResnetDist.self), version: BuildInformation.version)
    try StandardConsole.output.writeResult(page.roff())
  }
}
