/// `resnet-dist bn-recalibrate`: batch-normalization statistics of a large sample, after training.

import ArgumentParser
import Console
import Distributed
import Runs

struct BNRecalibrateCommand: RankedCommand {
  static let configuration = CommandConfiguration(
    commandName: "bn-recalibrate",
    abstract: "Replace BN's running statistics by those of a large sample of training images.",
    discussion: """
      The networks of He et al. 2015 were tested with statistics that were averaged over a large \
      training batch after training, not with moving averages. Parameters stay as they are, the old \
      files too:

        mpirun -n 2 resnet-dist bn-recalibrate --weights runs/NAME --output runs/NAME-recalibrated
        resnet-dist eval --weights runs/NAME-recalibrated
      """)

  @OptionGroup(title: "Network") var network: NetworkFlags
  @OptionGroup(title: "Images") var data: DataFlags
  @OptionGroup(title: "Division of the work") var running: RunningFlags

  @Option(
    help: ArgumentHelp(
      "Training images to take, in whole mini-batches. (default: all)", valueName: "N"))
  var images: Int?

  @Option(
    help: ArgumentHelp(
      "Where to write: a new run folder, or a new file that ends with .safetensors.",
      valueName: "path"))
  var output: String

  @Flag(help: "Print one JSON object instead of text.")
  var json = false

  func validate() throws {
    if network.weights == nil {
      throw ValidationError(
        "bn-recalibrate needs --weights: a run folder, a checkpoint or a .safetensors file")
    }
    if let images, images < 1 { throw ValidationError("--images is 1 or more, not \(images)") }
  }

  func run(on ranks: ProcessGroup) throws {
    let flags = (network.values + data.values + running.values)
      .compactMap { key, value in value.map { (key: key, value: $0) } }
    let run = try RecalibrationRun(
      flags: flags, weights: network.weights!, images: images, output: output, ranks: ranks,
      // The JSON object stands alone on stdout.
      console: json ? StandardConsole.error : StandardConsole.output)
    let result = try run.recalibrate()
    guard ranks.isFirst else { return }
    StandardConsole.output.writeLine(json ? result.json : result.text)
  }
}
