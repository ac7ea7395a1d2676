/// The flags that describe a detector's training run, for `detect train` and `detect doctor`.

import ArgumentParser
import Settings

/// The settings that people type less often, by topic.
struct RareDetectionOptions: ParsableArguments {
  @OptionGroup(title: DetectionSelection.title)
  var detection: SettingOptions<OfDetectors<DetectionSelection>>
  @OptionGroup(title: ScheduleSettings.title)
  var schedule: SettingOptions<OfDetectors<DetectionScheduleSelection>>
  @OptionGroup(title: OptimizerSettings.title)
  var optimizer: SettingOptions<OfDetectors<RareSettings<OptimizerSettings>>>
  @OptionGroup(title: DetectionDataSelection.title)
  var data: SettingOptions<OfDetectors<DetectionDataSelection>>
  @OptionGroup(title: ParallelSettings.title)
  var parallel: SettingOptions<OfDetectors<DetectionParallelSelection>>
  @OptionGroup(title: RunSettings.title)
  var other: SettingOptions<OfDetectors<DetectionRunSelection>>
  @OptionGroup var refused: SettingOptions<DetectionRefusedSelection>

  /// - Throws: `ConfigurationError`.
  var changes: ConfigurationChanges {
    get throws {
      try detection.changes + schedule.changes + optimizer.changes + data.changes
        + parallel.changes + other.changes + refused.changes
    }
  }
}
