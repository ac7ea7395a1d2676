/// `resnet-dist predict`: the classes of image files.

import ArgumentParser
import Console
import Datasets
import Distributed
import Runs
import Settings
import System

struct PredictCommand: RankedCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Predict the most likely classes of image files.",
    usage: "[mpirun -n <ranks>] resnet-dist predict --weights <weights> <image>...",
    discussion: """
      Weights from a run know their network, their classes and how images are prepared. Plain files of \
      ImageNet networks are taken to be torchvision's: 256/224 pixels, ImageNet's mean and deviation; \
      for other networks give --mean and --std. Ranks share the images.

        resnet-dist predict --weights runs/NAME cat.jpg photos/
        resnet-dist predict --weights resnet18.pth --classes names.txt --json photos/
      """)

  @Argument(help: "Image files, and folders of them.", completion: .file())
  var images: [String] = []

  @Option(
    help: ArgumentHelp("A file with the classes' names, one a line.", valueName: "file"),
    completion: .file())
  var classes: String?

  @Option(help: ArgumentHelp("Classes for each image.", valueName: "K"))
  var top = 5

  @Flag(help: "Print one JSON object a line for each image.")
  var json = false

  @Flag(help: "Print a row of CSV for each guess.")
  var csv = false

  @Option(
    name: .customLong("on-bad-image"),
    help: ArgumentHelp(
      "A file that cannot be decoded ends the run (fail), or is reported and left out (skip).",
      valueName: "choice"))
  var badImages = BadImagePolicy.fail

  @Option(
    help: ArgumentHelp(
      "Write what the classifier sees of each image as a NumPy array, float32 [images, features].",
      valueName: "file.npy"), completion: .file())
  var features: String?

  @OptionGroup(title: NetworkSelection.title) var network: SettingOptions<OfRun<NetworkSelection>>
  @OptionGroup(title: PredictionSelection.title)
  var preparation: SettingOptions<OfRun<PredictionSelection>>
  @OptionGroup(title: PassSelection.title) var division: SettingOptions<OfRun<PassSelection>>

  func validate() throws {
    if images.isEmpty { throw ValidationError("predict needs images: files or folders") }
    if json, csv { throw ValidationError("--json and --csv are two formats: use one of them") }
    if top < 1 { throw ValidationError("--top is a number from 1 on, not \(top)") }
    if !network.givenFlags.contains("--weights") {
      throw ValidationError(
        "predict needs --weights: a run folder, a checkpoint or a weights file")
    }
  }

  func run(on ranks: ProcessGroup) throws {
    let changes = try ranks.together {
      try network.changes + preparation.changes + division.changes
    }
    let weights = changes.applied(to: TrainingConfiguration()).network.weights ?? ""
    let isForPeople = !json && !csv
    let run = try PredictionRun(
      weights: weights, images: images, classes: classes, changes: changes, badImages: badImages,
      ranks: ranks, console: isForPeople ? StandardConsole.output : StandardConsole.error)
    let outcome = try run.predict(top: top, wantsFeatures: features != nil)
    try ranks.onFirst {
      if let features {
        try AtomicFile.write(
          NPYFile.bytes(
            outcome.features, rows: outcome.predictions.count, columns: outcome.featureCount),
          to: features)
      }
      let text =
        json
        ? outcome.predictions.map { $0.json + "\n" }.joined()
        : csv ? outcome.predictions.csv : outcome.predictions.table
      for reason in outcome.skipped { StandardConsole.error.writeLine("skipped: \(reason)") }
      if isForPeople { StandardConsole.output.writeLine("images: \(run.preprocessing)\n") }
      try StandardConsole.output.writeResult(text)
    }
  }
}

extension BadImagePolicy: ExpressibleByArgument {}
