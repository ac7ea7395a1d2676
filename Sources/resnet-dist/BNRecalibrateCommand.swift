/// `resnet-dist bn-recalibrate`: batch-normalization statistics of a large sample, after training.

import ArgumentParser
import Console
import Distributed
import Runs
import Settings

struct BNRecalibrateCommand: RankedCommand {
  static let configuration = CommandConfiguration(
    commandName: "bn-recalibrate",
    abstract: "Replace BN's running statistics by those of a large sample of training images.",
    discussion: """
      The networks of He et al. 2015 were tested with statistics that were averaged over a large \
      training batch after training, not with moving averages. Parameters stay as they are, the old \
      files too:

        mpirun -n 2 resnet-dist bn-recalibrate --weights runs/NAME \\
            --output runs/NAME-recalibrated
        resnet-dist eval --weights runs/NAME-recalibrated
      """)

  @OptionGroup(title: NetworkSelection.title) var network: SettingOptions<OfRun<NetworkSelection>>
  @OptionGroup(title: TestImageSelection.title) var data: SettingOptions<OfRun<TestImageSelection>>
  @OptionGroup(title: PassSelection.title) var division: SettingOptions<OfRun<PassSelection>>

  @Option(
    help: ArgumentHelp(
      "Training images to take, in whole mini-batches. (default: all)", valueName: "N"))
  var images: Int?

  @Option(
    help: ArgumentHelp(
      "Where to write: a new run folder, or a new file that ends with .safetensors.",
      valueName: "path"), completion: .file())
  var output: String

  @Flag(help: "Print one JSON object instead of text.")
  var json = false

  func validate() throws {
    if !network.givenFlags.contains("--weights") {
      throw ValidationError(
        "bn-recalibrate needs --weights: a run folder, a checkpoint, or a .safetensors or .pth "
          + "file")
    }
    if let images, images < 1 { throw ValidationError("--images is 1 or more, not \(images)") }
  }

  func run(on ranks: ProcessGroup) throws {
    let changes = try ranks.together {
      try network.changes + data.changes + division.changes
    }
    guard let weights = changes.applied(to: .init()).network.weights else {
      preconditionFailure("validate() requires --weights")
    }
    let run = try RecalibrationRun(
      weights: weights, changes: changes, images: images, output: output, ranks: ranks,
      // Stdout holds the JSON object alone.
      console: json ? StandardConsole.error : StandardConsole.output)
    let result = try run.recalibrate()
    try ranks.onFirst {
      try StandardConsole.output.writeResultLine(json ? result.json : result.text)
    }
  }
}
