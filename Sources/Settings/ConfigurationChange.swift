/// Values that a user gave, to be set in a configuration.

import Networks

/// One typed value for one place of a configuration.
package struct ConfigurationChange: Sendable {
  package let path: PartialKeyPath<TrainingConfiguration> & Sendable
  private let apply: @Sendable (inout TrainingConfiguration) -> Void

  package init<Value: Sendable>(
    _ path: WritableKeyPath<TrainingConfiguration, Value> & Sendable, _ value: Value
  ) {
    self.path = path
    apply = { $0[keyPath: path] = value }
  }

  func apply(to configuration: inout TrainingConfiguration) { apply(&configuration) }
}

/// The values of one source, such as a command line, over others: a run's, a file's, the defaults.
package struct ConfigurationChanges: Sendable, ExpressibleByArrayLiteral {
  private var changes: [ConfigurationChange]

  package init(arrayLiteral changes: ConfigurationChange...) { self.changes = changes }

  package static func + (first: Self, second: Self) -> Self {
    var sum = first
    sum.changes += second.changes
    return sum
  }

  /// Whether the value at `path` is given.
  package func contains(_ path: PartialKeyPath<TrainingConfiguration>) -> Bool {
    changes.contains { $0.path == path }
  }

  /// The same without the values that the network called `model` has no place for.
  ///
  /// For values that nobody gave together with that network: a recipe's are for its own.
  package func applicable(to model: String) -> Self {
    var foreign: [PartialKeyPath<TrainingConfiguration>] = []
    if ModelCatalog.hasBottlenecks(model) == false { foreign.append(\.network.stridePlacement) }
    if ModelCatalog.hasResidualBranches(model) == false {
      foreign.append(\.network.zeroInitResidual)
    }
    var applicable = self
    applicable.changes.removeAll { foreign.contains($0.path) }
    return applicable
  }

  /// The configuration with these values; the last one wins.
  package func applied(to configuration: TrainingConfiguration) -> TrainingConfiguration {
    var configuration = configuration
    for change in changes { change.apply(to: &configuration) }
    return configuration
  }
}

extension ConfigurationChanges {
  /// A value in the spelling of the command line.
  package struct Entry: Hashable, Sendable {
    package let key: String
    package let value: String
    /// In a file, from 1.
    package let line: Int?

    package init(_ key: String, _ value: String, line: Int? = nil) {
      (self.key, self.value, self.line) = (key, value, line)
    }
  }

  /// Typed values of a text.
  ///
  /// - Parameter file: the file that the entries are from; nil: the command line.
  /// - Throws: `ConfigurationError` for an unknown key, a bad value, or one value given in two ways.
  package init(parsing entries: [Entry], file: String? = nil) throws(ConfigurationError) {
    changes = []
    var given: [Setting] = []
    for entry in entries {
      let source = ConfigurationError.Source(file: file, line: entry.line)
      guard let setting = TrainingConfiguration.setting(named: entry.key) else {
        let names = TrainingConfiguration.settings.flatMap(\.names)
        throw .unknownKey(
          entry.key, suggestion: Spelling.nearest(to: entry.key, among: names), source: source)
      }
      guard let change = setting.change(entry.value) else {
        throw .badValue(
          key: entry.key, value: entry.value, expected: setting.expected, source: source)
      }
      if let other = given.first(where: { $0.path == setting.path && $0.key != setting.key }) {
        throw .givenTwice(other.key, setting.key, source: source)
      }
      given.append(setting)
      changes.append(change)
    }
  }
}
