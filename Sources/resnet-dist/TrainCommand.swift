/// `resnet-dist train`, the default.

import ArgumentParser
import BuildInformation
import Console
import Distributed
import Runs
import Settings

struct TrainCommand: RankedCommand {
  static let obeysStopSignals = true

  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a network (the default command).",
    usage: "mpirun -n <ranks> resnet-dist [train] [<options>]",
    discussion: """
      Without flags: ResNet-20 on Fashion-MNIST, 5 epochs, mini-batch 128, learning rate 0.1 divided \
      by 10 after 60 % and 85 % of the run.

      A run writes config.yaml (every value), metrics.jsonl and checkpoints/ into its run folder. \
      --config takes such a config.yaml; flags win over it. --resume continues bit for bit, on any \
      number of ranks. SIGUSR1, SIGTERM or SIGINT to any rank saves and stops at the next step, with exit \
      code 75; a second signal stops at once.
      """)

  @OptionGroup(title: CommonSettings.title) var common: SettingOptions<CommonSettings>

  @OptionGroup(title: ConfigurationFile.title) var resumption: ResumeOption
  @OptionGroup(title: ConfigurationFile.title) var file: ConfigurationFile

  @OptionGroup var rare: RareRunOptions

  @Flag(help: "Print the result as one JSON object; all else goes to stderr.")
  var json = false

  func validate() throws {
    try resumption.check(givenFlags: common.givenFlags)
  }

  func run(on ranks: ProcessGroup) throws {
    let resume = try resumption.point(changes, file: file.config, ranks: ranks)
    let configuration = try ranks.together {
      let configuration = try resumption.configuration(
        changes, file: file.config, resume: resume)
      try configuration.check(isFor: .classification)
      return configuration
    }
    let run = try TrainingRun(
      configuration, resume: resume, ranks: ranks, program: BuildInformation.name,
      console: json ? StandardConsole.error : StandardConsole.output)
    let outcome = try run.train()
    try ranks.onFirst { if json { try StandardConsole.output.writeResultLine(outcome.json) } }
  }

  /// - Throws: `ConfigurationError`.
  var changes: ConfigurationChanges {
    get throws { try common.changes + rare.changes }
  }
}

/// The run that is continued.
struct ResumeOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Resume an interrupted run: its folder, or one checkpoint in it; auto: the run in --run-dir, which "
        + "begins where there is none to resume.", valueName: "path"),
    completion: .directory)
  var resume: String?

  /// - Throws: `ValidationError` where weights are given beside the run that brings its own.
  func check(givenFlags flags: [String]) throws {
    if resume != nil, resume != ResumePoint.automatic, flags.contains("--weights") {
      throw ValidationError("--resume brings its own weights: leave out --weights")
    }
  }

  /// What it leads to. Collective.
  ///
  /// - Parameters:
  ///   - changes: what the user gave; all ranks find what is wrong with it together.
  ///   - base: what the command has instead of the defaults.
  func point(
    _ changes: @autoclosure () throws -> ConfigurationChanges, file: String?,
    base: ConfigurationChanges = [],
    ranks: ProcessGroup
  ) throws -> ResumePoint? {
    try ranks.agree(on: [("resume", resume ?? "not given")])
    guard let argument = resume else { return nil }
    let directory = try ranks.together {
      try TrainingConfiguration.resolve(changes(), file: file, resume: nil, base: base).run
        .directory
    }
    return try ranks.resumePoint(argument, directory: directory)
  }

  /// The run's settings.
  ///
  /// - Parameter point: what is resumed.
  /// - Throws: `ConfigurationError`, `CheckpointError`.
  func configuration(
    _ changes: ConfigurationChanges, file: String?, base: ConfigurationChanges = [],
    resume point: ResumePoint?
  ) throws -> TrainingConfiguration {
    // A run that was stopped before its first checkpoint begins again with what it had.
    let isUnstarted = point != nil && point?.checkpoint == nil
    let own: ConfigurationChanges =
      isUnstarted ? [.init(\.run.directory, point?.run)] : []
    return try TrainingConfiguration.resolve(
      own + changes, file: file ?? (isUnstarted ? point?.configPath : nil),
      resume: point?.checkpoint, base: base)
  }
}
