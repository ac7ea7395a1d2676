/// `resnet-dist detect doctor`: will this run of a detector work, started like this, and how fast?

import ArgumentParser
import Benchmarks
import Distributed
import Runs
import Settings

struct DetectDoctorCommand: RankedCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Check machines, ranks, images, memory, disk and time before a detector's run.",
    usage: "mpirun -n <ranks> resnet-dist detect doctor [<options of train>] [--json]",
    discussion: """
      Start it as 'detect train' will be started, with its flags. It opens the data, checks every image's \
      size, trains some mini-batches without keeping anything, and estimates memory and time of the run:

        mpirun -n 8 resnet-dist detect doctor --data-dir VOC2007 \\
            --weights resnet50.safetensors

      Each line is a finding: ok, note, warning or problem, and below it what to do. \
      The exit code is 1 where there is a problem.
      """)

  /// It says itself which ranks run another.
  static var needsOneBuild: Bool { false }

  @Flag(help: "Print one JSON object instead of text.")
  var json = false

  @OptionGroup(title: DetectionCommonSelection.title)
  var common: SettingOptions<OfDetectors<DetectionCommonSelection>>
  @OptionGroup(title: ConfigurationFile.title) var file: ConfigurationFile
  @OptionGroup var rare: RareDetectionOptions

  func run(on ranks: ProcessGroup) throws {
    let configuration = try ranks.together {
      let configuration = try TrainingConfiguration.resolve(
        try common.changes + rare.changes, file: file.config, resume: nil,
        base: DetectionTrainingSelection.base)
      try configuration.check(isFor: .detection, command: "doctor")
      try DetectionTrainingSelection.check(configuration)
      return configuration
    }
    try Doctor(configuration, ranks: ranks).report(json: json, ranks: ranks)
  }
}
