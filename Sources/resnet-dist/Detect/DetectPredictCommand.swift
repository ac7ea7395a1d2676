/// `resnet-dist detect predict`.

import ArgumentParser
import Console
import Distributed
import Runs
import Settings
import System

struct DetectPredictCommand: RankedCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Find the objects of image files.",
    usage: "resnet-dist detect predict --weights <path> <image>...",
    discussion: """
      Ranks share the images.

        resnet-dist detect predict --weights runs/NAME cat.jpg photos/
        resnet-dist detect predict --weights runs/NAME --output-dir drawn photos/
      """)

  @Argument(help: "Image files, and folders of them.", completion: .file())
  var images: [String] = []

  @OptionGroup var detector: DetectorOption

  @OptionGroup(title: DetectionTestSelection.title)
  var settings: SettingOptions<DetectionPredictionSelection>

  @Option(
    help: ArgumentHelp(
      "Draw the boxes with names and scores into copies of the images, in this folder.",
      valueName: "folder"), completion: .directory)
  var outputDir: String?

  @Option(help: ArgumentHelp("Draw boxes with at least this score.", valueName: "score"))
  var drawScore = 0.5

  @Flag(help: "Print one JSON object a line for each image.")
  var json = false

  func validate() throws {
    if images.isEmpty { throw ValidationError("name at least one image file or folder") }
  }

  func run(on ranks: ProcessGroup) throws {
    let run = try DetectionPredictionRun(
      weights: detector.weights, images: images,
      changes: try ranks.together { try settings.changes }, ranks: ranks,
      console: StandardConsole.error)
    try ranks.onFirst { if let outputDir { try OutputFolder.make(outputDir) } }
    let predictions = try run.predict()
    try ranks.onFirst {
      let output = StandardConsole.output
      let printed = Result {
        for prediction in predictions {
          try output.writeResultLine(json ? prediction.json : prediction.text)
        }
      }
      if let outputDir { try run.draw(predictions, to: outputDir, leastScore: drawScore) }
      try printed.get()
    }
  }
}
