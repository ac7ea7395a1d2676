/// The options of a group of settings, made from the settings' declarations.

import ArgumentParser
import Settings

/// The command line's options for `Group`, as an option group.
///
/// The parser finds a type's options by reflection and decodes their values by key. This type shows it an
/// option for each setting instead of a property, so that a setting is declared in one place.
struct SettingOptions<Group: SettingGroup>: ParsableArguments {
  private let entries: [ConfigurationChanges.Entry]

  init() { entries = [] }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    entries = try Group.settings.compactMap { setting in
      let key = Key(stringValue: setting.key)
      let value =
        setting.valueName == nil
        ? try container.decode(Flag<Bool?>.self, forKey: key).wrappedValue.map { "\($0)" }
        : try container.decode(Option<String?>.self, forKey: key).wrappedValue
      return value.map { .init(setting.key, $0) }
    }
  }

  /// The values that were given; of an `ImageSelection` with the data set that is in the folder.
  ///
  /// - Throws: `ConfigurationError`.
  var changes: ConfigurationChanges {
    get throws {
      let given = try ConfigurationChanges(parsing: entries)
      return Group.self is any ImageSelection.Type ? given.withRecognizedDataset : given
    }
  }

  /// The flags that were given, with their dashes.
  var givenFlags: [String] { entries.map { "--\($0.key)" } }

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
      children: Group.settings.map { setting -> (label: String?, value: Any) in
        let names = NameSpecification(
          setting.names.map { .customLong($0) }
            + (setting.shortName.map { [.customShort($0)] } ?? []))
        let text = setting.help + (setting.defaultText.map { " (default: \($0))" } ?? "")
        let help = ArgumentHelp(
          text, valueName: setting.valueName,
          visibility: Group.self is any HiddenSelection.Type ? .private : .default)
        return (
          setting.key,
          setting.valueName == nil
            ? Flag<Bool?>(name: names, inversion: .prefixedNo, help: help)
            : Option<String?>(name: names, help: help, completion: setting.completion.kind)
        )
      })
  }
}

extension ValueCompletion {
  /// In the parser's words.
  fileprivate var kind: CompletionKind? {
    switch self {
    case .none: nil
    case .words(let words): .list(words)
    case .file: .file()
    case .folder: .directory
    }
  }
}
