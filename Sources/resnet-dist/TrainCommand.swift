/// `resnet-dist train`, the default.

import ArgumentParser
import Console
import Distributed
import Runs
import Settings

struct TrainCommand: RankedCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a network (the default command).",
    discussion: """
      Without flags: ResNet-20 on Fashion-MNIST, 5 epochs, mini-batch 128, learning rate 0.1 divided \
      by 10 after 60 % and 85 % of the run.

      A run writes config.yaml (every value), metrics.jsonl and checkpoints/ into its run folder. \
      --config takes such a config.yaml; flags win over it. --resume continues bit for bit, on any \
      number of ranks.
      """)

  @OptionGroup(title: "Network") var network: NetworkFlags
  @OptionGroup(title: "Length and learning rate")
  var schedule: SettingOptions<ScheduleSettings>
  @OptionGroup(title: "Optimizer") var optimizer: SettingOptions<OptimizerSettings>
  @OptionGroup(title: "Images") var data: DataFlags
  @OptionGroup(title: "Augmentation") var augmentation: AugmentationFlags
  @OptionGroup(title: "Division of the work") var running: RunningFlags

  @OptionGroup(title: "Communication") var communication: CommunicationFlags

  @Option(help: ArgumentHelp("Use only the first N training images.", valueName: "N"))
  var trainLimit: String?

  @Option(
    help: ArgumentHelp(
      "The part of the training loss's target that is spread evenly over all classes. (default: 0)",
      valueName: "part"))
  var labelSmoothing: String?

  @Flag(
    inversion: .prefixedNo,
    help: ArgumentHelp(
      "Begin with 0 as the last BN scale of each residual block, so that it begins as its shortcut. "
        + "(default: --no-zero-init-residual)"))
  var zeroInitResidual: Bool?

  @Option(
    help: ArgumentHelp(
      "Decides initial weights, order and augmentation. (default: 1)", valueName: "N"))
  var seed: String?

  @Option(
    name: [.long, .customLong("output-dir")],
    help: ArgumentHelp(
      "The run folder; new or empty. (default: runs/<time>-<model>-<dataset>)", valueName: "folder")
  )
  var runDir: String?

  @Option(
    help: ArgumentHelp(
      "Go on with a stopped run: its folder, or one checkpoint in it.", valueName: "path"))
  var resume: String?

  @Option(
    help: ArgumentHelp(
      "Read flags from a YAML file: 'lr: 0.1' for --lr 0.1.", valueName: "file"))
  var config: String?

  @Option(
    help: ArgumentHelp(
      "Iterations between checkpoints. (default: an epoch)", valueName: "N"))
  var checkpointEvery: String?

  @Option(help: ArgumentHelp("Checkpoints that are kept. (default: 3)", valueName: "N"))
  var keepCheckpoints: String?

  @Option(
    help: ArgumentHelp(
      "When no rank has moved for so long, say where each one is and end the job; 0: never. "
        + "(default: 300)", valueName: "seconds"))
  var stallTimeout: String?

  @Option(help: ArgumentHelp("Epochs between evaluations. (default: 1)", valueName: "N"))
  var evalEvery: String?

  func validate() throws {
    if schedule["epochs"] != nil, schedule["iterations"] != nil {
      throw ValidationError("--epochs and --iterations both give the run's length: use one")
    }
    if schedule["warmup-epochs"] != nil, schedule["warmup-iterations"] != nil {
      throw ValidationError(
        "--warmup-epochs and --warmup-iterations both give the warm-up's length: use one")
    }
    if resume != nil, network.weights != nil {
      throw ValidationError("--resume brings its own weights: leave out --weights")
    }
  }

  func run(on ranks: ProcessGroup) throws {
    let configuration = try ranks.together {
      try TrainingConfiguration.resolve(
        flags: flags.compactMap { key, value in value.map { (key, $0) } }, file: config,
        resume: resume)
    }
    let run = try TrainingRun(
      configuration, resume: resume, ranks: ranks, console: StandardConsole.output)
    _ = try run.train()
  }

  private var flags: [(key: String, value: String?)] {
    let own: [(key: String, value: String?)] = [
      ("train-limit", trainLimit),
      ("label-smoothing", labelSmoothing),
      ("zero-init-residual", zeroInitResidual.map { "\($0)" }), ("seed", seed), ("run-dir", runDir),
      ("stall-timeout", stallTimeout), ("checkpoint-every", checkpointEvery),
      ("keep-checkpoints", keepCheckpoints),
      ("eval-every", evalEvery),
    ]
    return network.values + schedule.values + optimizer.values + data.values + augmentation.values
      + running.values
      + communication.values + own
  }
}
