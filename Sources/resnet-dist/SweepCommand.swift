/// `resnet-dist sweep`: many runs from one file.

import ArgumentParser
import BuildInformation
import Console
import Distributed
import Runs

struct SweepCommand: RankedCommand {
  static let obeysStopSignals = true

  static let configuration = CommandConfiguration(
    commandName: "sweep",
    abstract: "Train the runs that a YAML file describes, one after the other.",
    usage: "mpirun -n <ranks> resnet-dist sweep <file> [<options>]",
    discussion: """
      The file has up to four keys: base, the values of all runs; runs, a list of named runs with \
      their own values; grid, lists of values to combine; and seeds. Finished runs are left alone and \
      interrupted ones resumed, so the same command goes on where it stopped; a run that fails does \
      not end the rest.

        mpirun -n 8 resnet-dist sweep table6.yaml

        # one run of it, as a job array starts each of them
        mpirun -n 8 resnet-dist sweep table6.yaml --job 3
      """)

  @Argument(help: "The sweep: a YAML file.", completion: .file(extensions: ["yaml", "yml"]))
  var file: String

  @Option(
    help: ArgumentHelp(
      "The folder of the runs' folders. (default: runs/<file's name>)", valueName: "folder"),
    completion: .directory)
  var runDir: String?

  @Option(
    help: ArgumentHelp(
      "Train this run alone: its number from 1 on. (default: all)", valueName: "N"))
  var job: Int?

  @Flag(help: "Show the runs' numbers and names, and train nothing.")
  var list = false

  func run(on ranks: ProcessGroup) throws {
    let sweep = try SweepRun(
      file: file, folder: runDir, ranks: ranks, program: BuildInformation.name,
      console: StandardConsole.output)
    if list {
      let lines = sweep.names.enumerated().map { "\($0 + 1)  \($1)\n" }
      try ranks.onFirst { try StandardConsole.output.writeResult(lines.joined()) }
      return
    }
    guard try sweep.run(only: job) else { throw CollectiveFailure(onEveryRank: RunsFailed()) }
  }
}

/// Some runs of a sweep failed.
private struct RunsFailed: Error, CustomStringConvertible {
  var description: String {
    "some runs failed, or have other settings in the file now; the same command trains those that failed "
      + "again and leaves the others alone"
  }
}
