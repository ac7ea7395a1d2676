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

  /// The key of a value that decides the parameters and differs from that of `other`; nil: none.
  package func firstDifference(deciding other: TrainingConfiguration) -> String? {
    Self.settings.first { setting in
      switch setting.effect {
      case .fixed, .result: setting.text(self) != setting.text(other)
      case .start, .none: false
      }
    }?.key
  }
}
