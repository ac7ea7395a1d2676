/// `resnet-dist data`: get images, and know them.

import ArgumentParser
import Console
import Datasets
import Foundation
import Synchronization

struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data", abstract: "Fetch data sets, check them, and compute their statistics.",
    subcommands: [FetchCommand.self, DataCheckCommand.self, StatisticsCommand.self])
}

struct FetchCommand: RankedCommand {
  static let usesRanks = false

  static let configuration = CommandConfiguration(
    commandName: "fetch",
    abstract: "Download a data set from its public source.",
    discussion: """
      Interrupted downloads resume where they stopped. Files are checked by SHA-256 and appear only \
      when they are whole. Proxies are taken from the environment (https_proxy, no_proxy).
      """)

  @Argument(
    help: "cifar10, cifar100 or fashion-mnist.",
    completion: .list(PublicDataset.all.map(\.name)))
  var dataset: String

  @Option(
    help: ArgumentHelp(
      "Where to put it. (default: data/<name>, where training looks)", valueName: "folder"),
    completion: .directory)
  var dataDir: String?

  @Option(
    help: ArgumentHelp(
      "Another place that has files of the same names.", valueName: "URL"))
  var mirror: String?

  func validate() throws {
    if !PublicDataset.all.contains(where: { $0.name == dataset }) {
      let names = PublicDataset.all.map(\.name).joined(separator: ", ")
      throw ValidationError("there is no '\(dataset)' to fetch; there are \(names)")
    }
    if let mirror, URL(string: mirror)?.scheme == nil {
      throw ValidationError("--mirror \(mirror): expected a URL such as https://example.org/data/")
    }
  }

  func runAlone() throws {
    let console = StandardConsole.output
    let found = PublicDataset.all.first { $0.name == dataset }!
    let progress = FetchProgress(console: console)
    let outcome = try DatasetFetcher().fetch(
      found, into: dataDir, mirror: mirror.flatMap { URL(string: $0) }
    ) { progress.update($0, bytes: $1, total: $2) }
    progress.finish()
    switch outcome {
    case .alreadyThere(let directory): console.writeLine("\(dataset) is already in \(directory)")
    case .fetched(let directory): console.writeLine("\(dataset) is in \(directory)")
    }
  }
}

/// The bar of a download, fed from the session's queue.
private final class FetchProgress: Sendable {
  private struct State {
    var file = ""
    var bar: ProgressBar?
  }

  private let console: StandardConsole
  private let state = Mutex(State())

  init(console: StandardConsole) { self.console = console }

  func update(_ file: String, bytes: Int, total: Int) {
    state.withLock { state in
      if state.file != file {
        state.bar?.finish()
        state.file = file
        state.bar = ProgressBar(console: console)
        state.bar?.begin("\(file), KiB", total: total >> 10, completed: bytes >> 10)
      }
      state.bar?.update(completed: bytes >> 10)
    }
  }

  func finish() { state.withLock { $0.bar?.finish() } }
}
