/// A setting: one value of a configuration, declared once with all that users see of it.

/// A key, the spelling of its value, the accepted values, and its option on the command line.
package struct Setting: Sendable {
  package let key: String
  /// What a value must be, for the message about one that is not.
  let expected: String
  /// Nil: not set.
  let get: @Sendable (TrainingConfiguration) -> String?
  /// False when `value` is not acceptable.
  let set: @Sendable (inout TrainingConfiguration, _ value: String) -> Bool
  /// The setting's option, where it is not declared by the command itself.
  package private(set) var option: CommandLineOption?

  /// How the command line shows a setting.
  package struct CommandLineOption: Sendable {
    /// Without dashes, beside the key.
    package let aliases: [String]
    /// With the default.
    package let help: String
    /// Nil: a flag with an inverse, `--key` and `--no-key`.
    package let valueName: String?
  }

  init(
    key: String, expected: String, get: @escaping @Sendable (TrainingConfiguration) -> String?,
    set: @escaping @Sendable (inout TrainingConfiguration, _ value: String) -> Bool
  ) {
    self.key = key
    self.expected = expected
    self.get = get
    self.set = set
  }

  /// The setting with an option.
  ///
  /// - Parameters:
  ///   - help: what it does; the default is added.
  ///   - valueName: nil makes a flag of it.
  ///   - unset: what applies where the default is not to set it.
  func option(
    _ help: String, _ valueName: String? = nil, aliases: [String] = [], unset: String? = nil
  ) -> Setting {
    var setting = self
    var usual = get(TrainingConfiguration()) ?? unset
    if let number = usual.flatMap(Double.init) { usual = ValueSpelling.shortest(number) }
    if valueName == nil { usual = usual.map { $0 == "true" ? "--\(key)" : "--no-\(key)" } }
    setting.option = CommandLineOption(
      aliases: aliases, help: help + (usual.map { " (default: \($0))" } ?? ""),
      valueName: valueName)
    return setting
  }
}

/// Settings that belong together, in the order of `config.yaml` and of the help.
package protocol SettingGroup {
  static var settings: [Setting] { get }
}

// MARK: Kinds of values

extension Setting {
  static func text(
    _ key: String, _ expected: String,
    _ path: WritableKeyPath<TrainingConfiguration, String> & Sendable
  ) -> Setting {
    Setting(key: key, expected: expected) {
      $0[keyPath: path]
    } set: {
      $0[keyPath: path] = $1
      return !$1.isEmpty
    }
  }

  static func optionalText(
    _ key: String, _ expected: String,
    _ path: WritableKeyPath<TrainingConfiguration, String?> & Sendable
  ) -> Setting {
    Setting(key: key, expected: expected) {
      $0[keyPath: path]
    } set: {
      $0[keyPath: path] = $1
      return !$1.isEmpty
    }
  }

  /// One of an enumeration's names.
  static func choice<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
    _ key: String, _ path: WritableKeyPath<TrainingConfiguration, Choice> & Sendable
  ) -> Setting {
    let names = Choice.allCases.map(\.rawValue)
    let expected =
      names.count > 2
      ? names.joined(separator: ", ") : names.joined(separator: " or ")
    return Setting(key: key, expected: expected) {
      $0[keyPath: path].rawValue
    } set: {
      guard let value = Choice(rawValue: $1.lowercased()) else { return false }
      $0[keyPath: path] = value
      return true
    }
  }

  static func flag(
    _ key: String, _ path: WritableKeyPath<TrainingConfiguration, Bool> & Sendable
  ) -> Setting {
    Setting(key: key, expected: "true or false") {
      String($0[keyPath: path])
    } set: {
      guard let value = Bool($1.lowercased()) else { return false }
      $0[keyPath: path] = value
      return true
    }
  }

  static func number(
    _ key: String, _ range: ClosedRange<Int>,
    _ path: WritableKeyPath<TrainingConfiguration, Int> & Sendable
  ) -> Setting {
    Setting(
      key: key, expected: "a whole number from \(range.lowerBound) to \(range.upperBound)"
    ) {
      String($0[keyPath: path])
    } set: {
      guard let value = Int($1), range.contains(value) else { return false }
      $0[keyPath: path] = value
      return true
    }
  }

  static func optionalNumber(
    _ key: String, _ range: PartialRangeFrom<Int>,
    _ path: WritableKeyPath<TrainingConfiguration, Int?> & Sendable
  ) -> Setting {
    Setting(key: key, expected: "a whole number from \(range.lowerBound) on") {
      $0[keyPath: path].map { String($0) }
    } set: {
      guard let value = Int($1), range.contains(value) else { return false }
      $0[keyPath: path] = value
      return true
    }
  }

  static func optionalReal(
    _ key: String, _ expected: String,
    _ path: WritableKeyPath<TrainingConfiguration, Double?> & Sendable,
    accept: @escaping @Sendable (Double) -> Bool
  ) -> Setting {
    Setting(key: key, expected: expected) {
      $0[keyPath: path].map { String($0) }
    } set: {
      guard let value = Double($1), value.isFinite, accept(value) else { return false }
      $0[keyPath: path] = value
      return true
    }
  }

  static func real(
    _ key: String, _ expected: String,
    _ path: WritableKeyPath<TrainingConfiguration, Double> & Sendable,
    accept: @escaping @Sendable (Double) -> Bool
  ) -> Setting {
    Setting(key: key, expected: expected) {
      String($0[keyPath: path])
    } set: {
      guard let value = Double($1), value.isFinite, accept(value) else { return false }
      $0[keyPath: path] = value
      return true
    }
  }
}
