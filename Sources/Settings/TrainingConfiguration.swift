/// Every value that decides a training run, with its default: what `config.yaml` holds.

/// The settings of a run, in groups; each group's file declares its values and how users set them.
package struct TrainingConfiguration: Hashable, Sendable {
  package var network = NetworkSettings()
  package var data = DataSettings()
  package var augmentation = AugmentationSettings()
  package var schedule = ScheduleSettings()
  package var optimizer = OptimizerSettings()
  package var parallel = ParallelSettings()
  package var run = RunSettings()
  package var detection = DetectionSettings()

  package init() {}

  /// The groups in the order of the help, of `config.yaml` and of the reference.
  package static let groups: [any SettingGroup.Type] = [
    NetworkSettings.self, DataSettings.self, AugmentationSettings.self, ScheduleSettings.self,
    OptimizerSettings.self, ParallelSettings.self, RunSettings.self, DetectionSettings.self,
  ]

  package static let settings: [Setting] = groups.flatMap { $0.settings }

  /// The settings that mean something to a run of this task.
  package var ownSettings: [Setting] {
    switch detection.task {
    case .detection: Self.settings
    case .classification:
      Self.groups.filter { $0 != DetectionSettings.self }.flatMap { $0.settings }
    }
  }

  /// All values as keys and texts in the command line's spelling; those that are not set are left out.
  package var values: [(key: String, value: String)] {
    ownSettings.compactMap { setting in setting.text(self).map { (setting.key, $0) } }
  }

  /// The setting that a flag or key is of, by any of its names; nil: there is none.
  static func setting(named name: String) -> Setting? {
    settings.first { $0.names.contains(name) }
  }

  /// A setting whose value differs from an earlier one, in the command line's spelling.
  package struct Difference {
    package let setting: Setting
    package let old: String
    package let new: String
  }

  /// The settings whose values are not those of `earlier`.
  package func differences(from earlier: TrainingConfiguration) -> [Difference] {
    Self.settings.compactMap { setting in
      let (old, new) = (setting.text(earlier), setting.text(self))
      return old == new
        ? nil : Difference(setting: setting, old: old ?? "not set", new: new ?? "not set")
    }
  }
}
