/// `resnet-dist responses`: how strongly each layer responds.

import ArgumentParser
import Console
import Distributed
import Runs
import Settings
import System

struct ResponsesCommand: RankedCommand {
  static let configuration = CommandConfiguration(
    commandName: "responses",
    abstract: "Measure the standard deviation of each 3×3 layer's output.",
    usage: "[mpirun -n <ranks>] resnet-dist responses <weights>... [<options>]",
    discussion: """
      Figure 7 of He et al. 2015: the outputs of the 3×3 convolutions after BN and before the \
      nonlinearity, over the test images. Residual networks respond less than plain ones, and deeper \
      ones less than shallow ones.

        resnet-dist responses runs/plain20 runs/resnet20
        resnet-dist responses runs/resnet20 runs/resnet56 --html figure7.html
      """)

  @Argument(
    help: "Run folders, checkpoints or weights files of networks for the same images.",
    completion: .file())
  var weights: [String]

  @OptionGroup(title: TestImageSelection.title) var data: SettingOptions<TestImageSelection>
  @OptionGroup(title: DivisionSelection.title) var division: SettingOptions<DivisionSelection>

  @Option(
    help: ArgumentHelp("Write the figure as a page for a browser.", valueName: "file"),
    completion: .file())
  var html: String?

  @Flag(help: "Print one JSON object a line for each network.")
  var json = false

  func run(on ranks: ProcessGroup) throws {
    let changes = try ranks.together { try data.changes + division.changes }
    let run = try ResponsesRun(
      weights: weights, changes: changes, ranks: ranks,
      console: json ? StandardConsole.error : StandardConsole.output)
    let responses = try run.measure()
    try ranks.onFirst {
      if let html { try AtomicFile.write(responses.page, to: html) }
      try StandardConsole.output.writeResult(
        json ? responses.map { $0.json + "\n" }.joined() : responses.table.markdown)
    }
  }
}
