/// The settings of a run as a whole: its seed, folder, checkpoints, limits and watching.

import Distributed

/// Which of a run's weights its test result is of.
package enum WeightSelection: String, CaseIterable, Sendable {
  case last
  /// Those with the lowest error of the validation images.
  case best
}

package struct RunSettings: Hashable, Sendable {
  /// The published settings that others were set over; nil: the program's defaults.
  package var recipe: Recipe?
  /// Decides initial weights, order and augmentation.
  package var seed: UInt64 = 1
  /// Nil: a new folder under `runs`.
  package var directory: String?
  /// Iterations between checkpoints; nil: an epoch's.
  package var checkpointEvery: Int?
  /// Minutes between further checkpoints; nil: none.
  package var checkpointMinutes: Double?
  /// Checkpoints that are kept; older ones are removed.
  package var keepCheckpoints = 3
  /// Epochs between evaluations on the test images.
  package var evaluateEvery = 1
  /// The weights that test images judge at the end of a run with validation images.
  package var select = WeightSelection.last
  /// Seconds after which the run saves and stops; nil: it has no limit.
  package var maximumTime: Int?
  /// What becomes of a step whose loss or gradient is not a number.
  package var onNotFinite = NotFinitePolicy.stop
  /// Steps between checks that all ranks hold the same bits; 0: none but those before checkpoints.
  package var verifyEvery = 1000
  /// Seconds without progress after which the job is ended; nil: learned from its steps; 0: never.
  package var stallTimeout: Double?
  /// Whether the run folder gets a page with its curves at the end.
  package var writesReport = true
  /// Where a Chrome trace of all ranks is written at the end; nil: nowhere.
  package var timeline: String?
  /// Whether the figures of the metrics log are written for TensorBoard too.
  package var tensorBoard = false
  /// Where the run's status is kept for Prometheus; nil: nowhere.
  package var prometheusFile: String?

  package init() {}
}

extension RunSettings: SettingGroup {
  package static let title = "Run"

  package static let settings: [Setting] = [
    Setting(
      "recipe", \.run.recipe, .choice, valueName: "name",
      "Published settings instead of the defaults; --config and flags win over them. "
        + "'resnet-dist recipes' shows each: \(Recipe.names).", unset: "none", effect: .none,
      isCommon: true),
    Setting(
      "seed", \.run.seed, .integer(0...), "Decides initial weights, order and augmentation.",
      effect: .fixed),
    Setting(
      "run-dir", \.run.directory, .text("a folder", "folder", completion: .folder),
      "The run folder; new or empty.",
      aliases: ["output-dir"], unset: "runs/<time>-<model>-<dataset>", effect: .none,
      isCommon: true),
    Setting(
      "checkpoint-every", \.run.checkpointEvery, .integer(1...),
      "Iterations between checkpoints.", unset: "an epoch", effect: .none),
    Setting(
      "checkpoint-minutes", \.run.checkpointMinutes, .positive, valueName: "minutes",
      "Further checkpoints, this long after the one before.", unset: "none", effect: .none),
    Setting(
      "keep-checkpoints", \.run.keepCheckpoints, .integer(1...1_000_000),
      "Checkpoints that are kept.", effect: .none),
    Setting(
      "eval-every", \.run.evaluateEvery, .integer(1...1_000_000), "Epochs between evaluations.",
      effect: .result),
    Setting(
      "select", \.run.select, .choice,
      "With --validation-split: which weights are tested at the end: the last, or the best on the "
        + "validation images.", effect: .result),
    Setting(
      "max-time", \.run.maximumTime, .time,
      "Save and stop in time to be done after this long: exit code 75, to be resumed. The end of a Slurm "
        + "job is such a limit by itself.", unset: "no limit", effect: .none),
    Setting(
      "on-nan", \.run.onNotFinite, .choice,
      "When a loss or gradient is NaN or infinite: stop the run, or skip the step, which then changes "
        + "nothing; after ten in a row the run stops."),
    Setting(
      "verify-every", \.run.verifyEvery, .integer(0...1_000_000_000),
      "Iterations between checks that all ranks hold the same bits, which name the rank that does not; "
        + "also done before each checkpoint. 0: only then.", effect: .none),
    Setting(
      "stall-timeout", \.run.stallTimeout,
      .real("0 or a number from 1 to 1000000") { $0 == 0 || (1...1_000_000).contains($0) },
      valueName: "seconds",
      "When no rank has made progress for this time, say who waits for whom and end the job; 0: never.",
      unset: "ten times the slowest so far; at least 30 for a step, more for other work",
      effect: .none),
    Setting(
      "report", \.run.writesReport, .flag,
      "Write report.html with the run's curves into its folder at the end.", effect: .none),
    Setting(
      "timeline", \.run.timeline, .text("a file", "file", completion: .file),
      "Write what each rank did when, until memory for it is full, as a Chrome trace for Perfetto "
        + "(ui.perfetto.dev).", effect: .none),
    Setting(
      "tensorboard", \.run.tensorBoard, .flag,
      "Write losses, errors, learning rate and images/s into the run folder for TensorBoard "
        + "(tensorboard --logdir runs).", effect: .none),
    Setting(
      "prometheus-file", \.run.prometheusFile,
      .text("a file", "file.prom", completion: .file),
      "Keep the run's state, losses, speed and last checkpoint in this file for Prometheus: name it "
        + "*.prom in the folder of node_exporter's textfile collector.", effect: .none),
  ]
}
