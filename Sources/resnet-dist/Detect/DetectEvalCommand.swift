/// `resnet-dist detect eval`.

import ArgumentParser
import Console
import Distributed
import Runs
import Settings
import System

struct DetectEvalCommand: RankedCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Evaluate a detector on images with boxes, each exactly once.",
    discussion: """
      COCO's twelve numbers, and for VOC data the average precision by 11 points and by area. Weights from a \
      run include their settings and name their data:

        resnet-dist detect eval --weights runs/NAME
        resnet-dist detect eval --weights runs/NAME --val-set test --json

      The result does not depend on the number of ranks.
      """)

  @OptionGroup var detector: DetectorOption

  @OptionGroup(title: DetectionTestSelection.title)
  var settings: SettingOptions<DetectionTestSelection>

  @Option(
    help: ArgumentHelp(
      "Write detections.json, as COCO's tools read it, and for VOC data comp4_det_*.txt into this folder.",
      valueName: "folder"), completion: .directory)
  var outputDir: String?

  @Flag(help: "Print COCO's twelve numbers as one JSON object instead of text.")
  var json = false

  func run(on ranks: ProcessGroup) throws {
    let console = json ? StandardConsole.error : StandardConsole.output
    let run = try DetectionEvaluationRun(
      weights: detector.weights, changes: try ranks.together { try settings.changes }, ranks: ranks,
      console: console)
    try ranks.onFirst { if let outputDir { try OutputFolder.make(outputDir) } }
    let result = try run.evaluate()
    try ranks.onFirst {
      guard let result else { return }
      let printed = Result {
        try StandardConsole.output.writeResultLine(
          json
            ? result.scores.json
            : "\(result.scores.text(result.dataset))parameters sha256 \(result.parametersSHA256)")
      }
      if let outputDir {
        try DetectionFiles.write(
          result.detections, of: result.dataset, scores: result.scores, to: outputDir,
          console: console)
      }
      try printed.get()
    }
  }
}
