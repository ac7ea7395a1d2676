/// What commands that take trained weights make of the settings of training: their defaults are the run's.

import Settings

/// A group of settings that come from the run whose weights are given.
enum OfRun<Group: SettingGroup>: SettingGroup {
  static var title: String { Group.title }
  static var settings: [Setting] {
    Group.settings.map { setting in
      setting.defaultText == nil
        ? setting : setting.described("\(setting.help) (default: the run's)", hasDefault: false)
    }
  }
}

extension OfRun: ImageSelection where Group: ImageSelection {}
