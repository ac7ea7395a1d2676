/// `resnet-dist detect train`.

import ArgumentParser
import BuildInformation
import Console
import Detection
import Distributed
import Runs
import Settings

struct DetectTrainCommand: RankedCommand {
  static let obeysStopSignals = true

  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a detector on images with boxes.",
    usage: "mpirun -n <ranks> resnet-dist detect train [<options>]",
    discussion: """
      Without more flags: ResNet-50 with the first two stages fixed, shorter sides of 600 pixels, mini-batches \
      of 8 images, 12 epochs, the rate 0.02 × batch / 16 divided by 10 after 67 % and 92 % of \
      the run. Each image is a shard of its own, of its own size, so any number of ranks up to the \
      mini-batch gives the same bits.

      --weights takes a classifier's weights for the backbone, or a detector's. The run folder has what that \
      of 'train' has: config.yaml, metrics.jsonl, checkpoints, logs, report.html; and at its end \
      detections.json, which COCO's tools read, and for VOC data comp4_det_*.txt. --resume continues bit \
      for bit.

      --training four-steps trains proposals and regions in turn, as the paper does: four runs in step1 to \
      step4 of the run folder, which --resume takes as one. Steps 1 and 3 (proposals) have --iterations or \
      --epochs, steps 2 and 4 (regions) --fast-rcnn-length times as many iterations; the rate drops at the \
      same parts of each.
      """)

  @OptionGroup(title: DetectionCommonSelection.title)
  var common: SettingOptions<OfDetectors<DetectionCommonSelection>>
  @OptionGroup(title: ConfigurationFile.title) var resumption: ResumeOption
  @OptionGroup(title: ConfigurationFile.title) var file: ConfigurationFile
  @OptionGroup var rare: RareDetectionOptions

  @Flag(help: "Print the result as one JSON object; all else goes to stderr.")
  var json = false

  func validate() throws {
    try resumption.check(givenFlags: common.givenFlags)
  }

  func run(on ranks: ProcessGroup) throws {
    let resume = try resumption.point(
      changes, file: file.config, base: DetectionTrainingSelection.base, ranks: ranks)
    let configuration = try ranks.together {
      let configuration = try resumption.configuration(
        changes, file: file.config, base: DetectionTrainingSelection.base, resume: resume)
      try configuration.check(isFor: .detection)
      try DetectionTrainingSelection.check(configuration)
      return configuration
    }
    let console = json ? StandardConsole.error : StandardConsole.output
    let outcome =
      switch configuration.detection.network.training {
      case .fourSteps:
        try FourStepTrainingRun(
          configuration, resume: resume, ranks: ranks, program: BuildInformation.name,
          console: console
        ).train()
      case .joint, .proposals, .regions:
        try DetectionTrainingRun(
          configuration, resume: resume, ranks: ranks, program: BuildInformation.name,
          console: console
        ).train()
      }
    try ranks.onFirst { if json { try StandardConsole.output.writeResultLine(outcome.json) } }
  }

  /// - Throws: `ConfigurationError`.
  private var changes: ConfigurationChanges {
    get throws {
      try common.changes + rare.changes
    }
  }
}
