/// The flags that describe a training run, for `train` and for the commands that look ahead of it.

import ArgumentParser
import Settings

/// The settings that people type less often, by topic; `CommonSettings` come first in the help.
struct RareRunOptions: ParsableArguments {
  @OptionGroup(title: NetworkSettings.title)
  var network: SettingOptions<RareSettings<NetworkSettings>>
  @OptionGroup(title: ScheduleSettings.title)
  var schedule: SettingOptions<RareSettings<ScheduleSettings>>
  @OptionGroup(title: OptimizerSettings.title)
  var optimizer: SettingOptions<RareSettings<OptimizerSettings>>
  @OptionGroup(title: DataSettings.title)
  var data: SettingOptions<RareSettings<DataSettings>>
  @OptionGroup(title: AugmentationSettings.title)
  var augmentation: SettingOptions<RareSettings<AugmentationSettings>>
  @OptionGroup(title: ParallelSettings.title)
  var parallel: SettingOptions<RareSettings<ParallelSettings>>
  @OptionGroup(title: RunSettings.title)
  var other: SettingOptions<RareSettings<RunSettings>>

  /// - Throws: `ConfigurationError`.
  var changes: ConfigurationChanges {
    get throws {
      try network.changes + schedule.changes + optimizer.changes + data.changes
        + augmentation.changes + parallel.changes + other.changes
    }
  }
}

/// A file with settings.
struct ConfigurationFile: ParsableArguments {
  static let title = "Where settings come from"

  @Option(
    help: ArgumentHelp(
      "Read settings from a YAML file: 'lr: 0.1' for --lr 0.1.", valueName: "file"),
    completion: .file(extensions: ["yaml", "yml"]))
  var config: String?
}
