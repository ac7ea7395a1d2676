/// The options of a group of settings, made from the settings' declarations.

import ArgumentParser
import Settings

/// The command line's options for `Group`, as an option group.
///
/// The parser finds a type's options by reflection and decodes their values by key. This type shows it an
/// option for each setting instead of a property, so that a setting is declared in one place.
struct SettingOptions<Group: SettingGroup>: ParsableArguments {
  /// The values that were given, by key; nil for the others.
  let values: [(String, String?)]

  subscript(key: String) -> String? { values.first { $0.0 == key }?.1 }

  init() { values = [] }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    values = try Group.settings.compactMap { setting in
      guard let option = setting.option else { return nil }
      let key = Key(stringValue: setting.key)
      let value =
        option.valueName == nil
        ? try container.decode(Flag<Bool?>.self, forKey: key).wrappedValue.map { "\($0)" }
        : try container.decode(Option<String?>.self, forKey: key).wrappedValue
      return (setting.key, value)
    }
  }

  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}

extension SettingOptions: CustomReflectable {
  var customMirror: Mirror {
    Mirror(
      self,
      children: Group.settings.compactMap { setting -> (label: String?, value: Any)? in
        guard let option = setting.option else { return nil }
        let names = NameSpecification(
          ([setting.key] + option.aliases).map { .customLong($0) })
        let help = ArgumentHelp(stringLiteral: option.help)
        guard let valueName = option.valueName else {
          return (setting.key, Flag<Bool?>(name: names, inversion: .prefixedNo, help: help))
        }
        return (
          setting.key,
          Option<String?>(name: names, help: ArgumentHelp(option.help, valueName: valueName))
        )
      })
  }
}
