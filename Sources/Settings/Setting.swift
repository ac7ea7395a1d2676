/// A setting: one value of a configuration, declared once with all that users see of it.

/// A key, the accepted values, the option on the command line, and what a change means for a run.
package struct Setting: Sendable {
  /// What a change of the value means for a run's parameters.
  package enum Effect: Sendable {
    /// Decides them; a resumed run must keep it.
    case fixed
    /// Decides them; a resumed run may change it.
    case result
    /// Decides what a new run starts from; a resumed one starts from its checkpoint.
    case start
    /// None: where results go, how fast the run is, what it reports.
    case none

    /// Whether it decides the parameters of a resumed run too.
    package var decidesTraining: Bool {
      switch self {
      case .fixed, .result: true
      case .start, .none: false
      }
    }
  }

  /// The flag without its dashes, and the key in `config.yaml`.
  package let key: String
  /// Other names for it, such as those of PyTorch's and timm's scripts.
  package let aliases: [String]
  package let shortName: Character?
  /// What it does, without the default.
  package private(set) var help: String
  /// What the value is called in the help; nil: a flag with an inverse, `--key` and `--no-key`.
  package let valueName: String?
  /// What a value must be, for the message about one that is not.
  package let expected: String
  /// What a shell offers for it.
  package let completion: ValueCompletion
  package let effect: Effect
  /// Whether people type it often: it comes first in the help.
  package let isCommon: Bool
  /// The default as on the command line, or what applies when the setting is not set; nil: nothing.
  package private(set) var defaultText: String?
  /// Where the value is in a configuration.
  package let path: PartialKeyPath<TrainingConfiguration> & Sendable
  /// The value as on the command line; nil: not set.
  package let text: @Sendable (TrainingConfiguration) -> String?
  /// The change that a text asks for; nil when it is not acceptable.
  package let change: @Sendable (String) -> ConfigurationChange?

  /// Declares a setting.
  ///
  /// - Parameters:
  ///   - valueName: nil: the format's.
  ///   - unset: what applies when the default is not to set it.
  init<Value>(
    _ key: String, _ path: WritableKeyPath<TrainingConfiguration, Value> & Sendable,
    _ format: ValueFormat<Value>, valueName: String? = nil, _ help: String,
    aliases: [String] = [], shortName: Character? = nil, unset: String? = nil,
    effect: Effect = .result, isCommon: Bool = false
  ) {
    self.key = key
    self.aliases = aliases
    self.shortName = shortName
    self.help = help
    self.valueName = valueName ?? format.valueName
    expected = format.expected
    completion = format.completion
    self.effect = effect
    self.isCommon = isCommon
    self.path = path
    text = { format.text($0[keyPath: path]) }
    change = { text in format.parse(text).map { ConfigurationChange(path, $0) } }
    defaultText = spelled(format.text(TrainingConfiguration()[keyPath: path]) ?? unset)
  }

  /// Declares a setting that may be left open.
  init<Value>(
    _ key: String, _ path: WritableKeyPath<TrainingConfiguration, Value?> & Sendable,
    _ format: ValueFormat<Value>, valueName: String? = nil, _ help: String,
    aliases: [String] = [], shortName: Character? = nil, unset: String? = nil,
    effect: Effect = .result, isCommon: Bool = false
  ) {
    self.init(
      key, path, format.optional, valueName: valueName, help, aliases: aliases,
      shortName: shortName,
      unset: unset, effect: effect, isCommon: isCommon)
  }

  /// A value as it is typed.
  private func spelled(_ value: String?) -> String? {
    valueName == nil ? value.map { $0 == "true" ? "--\(key)" : "--no-\(key)" } : value
  }

  /// The setting of a command whose runs have `base` where the user says nothing.
  package func based(on base: ConfigurationChanges) -> Setting {
    guard base.contains(path) else { return self }
    var setting = self
    setting.defaultText = spelled(text(base.applied(to: TrainingConfiguration())))
    return setting
  }

  /// The setting of a command that it means something else to.
  ///
  /// - Parameter hasDefault: false: nothing applies where it is not given.
  package func described(_ help: String, hasDefault: Bool = true) -> Setting {
    var setting = self
    setting.help = help
    if !hasDefault { setting.defaultText = nil }
    return setting
  }

  /// The key and all other names.
  package var names: [String] { [key] + aliases }
}

/// Settings that belong together, in the order of `config.yaml` and of the help.
package protocol SettingGroup: Sendable {
  /// The heading in the help and in the reference.
  static var title: String { get }
  static var settings: [Setting] { get }
}
