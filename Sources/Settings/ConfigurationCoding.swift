/// The written form of a configuration: YAML keys and values as on the command line.

import Networks
import Yams

/// Why a configuration cannot be used.
package enum ConfigurationError: Error, Equatable, CustomStringConvertible {
  case unreadable(path: String, reason: String)
  case unknownKey(String, suggestion: String?, source: String)
  case badValue(key: String, value: String, expected: String, source: String)

  package var description: String {
    switch self {
    case .unreadable(let path, let reason): "cannot read the configuration \(path): \(reason)"
    case .unknownKey(let key, let suggestion, let source):
      "\(source): unknown key '\(key)'" + (suggestion.map { ", did you mean '\($0)'?" } ?? "")
    case .badValue(let key, let value, let expected, TrainingConfiguration.commandLine):
      "--\(key) \(value): expected \(expected)"
    case .badValue(let key, let value, let expected, let source):
      "\(source): \(key): \(value): expected \(expected)"
    }
  }
}

extension TrainingConfiguration {
  /// The source of values that are flags.
  package static let commandLine = "command line"

  /// A configuration from keys and values in the command line's spelling, over the defaults.
  ///
  /// - Parameters:
  ///   - values: later pairs win.
  ///   - source: what to name in the message about an unknown key or a bad value.
  /// - Throws: `ConfigurationError`.
  package init(
    _ values: [(key: String, value: String)], over base: TrainingConfiguration = .init(),
    source: String = commandLine
  ) throws(ConfigurationError) {
    self = base
    for (key, value) in values {
      guard let setting = Self.settings.first(where: { $0.key == key }) else {
        throw .unknownKey(
          key, suggestion: Spelling.nearest(to: key, among: Self.settings.map(\.key)),
          source: source)
      }
      guard setting.set(&self, value) else {
        throw .badValue(key: key, value: value, expected: setting.expected, source: source)
      }
    }
  }

  /// The keys and values of a YAML file: a flat mapping of flags without their dashes.
  ///
  /// - Throws: `ConfigurationError`.
  package static func values(
    yaml: String, path: String
  ) throws(ConfigurationError) -> [(key: String, value: String)] {
    let root: Node?
    do { root = try Yams.compose(yaml: yaml) } catch {
      throw .unreadable(path: path, reason: "\(error)")
    }
    guard let root else { return [] }
    guard case .mapping(let mapping) = root else {
      throw .unreadable(path: path, reason: "expected 'key: value' lines, such as 'lr: 0.1'")
    }
    var values: [(String, String)] = []
    for (key, node) in mapping {
      guard let name = key.string else {
        throw .unreadable(path: path, reason: "a key is not a plain word")
      }
      switch node {
      case .scalar(let scalar):
        // A plain null means that the value is not set; in quotes it is a word.
        if scalar.style != .plain || !Self.nulls.contains(scalar.string) {
          values.append((name, scalar.string))
        }
      case .sequence(let sequence):
        values.append((name, sequence.compactMap(\.string).joined(separator: ",")))
      default:
        throw .unreadable(
          path: path, reason: "the value of '\(name)' is neither a value nor a list")
      }
    }
    return values
  }

  /// All values as keys and values in the command line's spelling; nil ones are left out.
  package var values: [(key: String, value: String)] {
    Self.settings.compactMap { setting in setting.get(self).map { (setting.key, $0) } }
  }

  /// The values that decide a run's parameters; the others say where, how fast and how it is told.
  package var trajectory: [String: String] {
    let others: Set = [
      "weights", "data-dir", "val-data", "test-limit", "threads", "workers", "bucket-mb",
      "stall-timeout",
      "timeline", "run-dir", "checkpoint-every", "keep-checkpoints", "eval-every",
      "val-resize-size",
    ]
    return Dictionary(uniqueKeysWithValues: values.filter { !others.contains($0.key) })
  }

  /// All values as YAML, one line each.
  package func yaml() throws -> String {
    let pairs = values.map { key, value in
      let style: Node.Scalar.Style = Self.nulls.contains(value) ? .doubleQuoted : .any
      return (Node(key), Node(value, Tag(.implicit), style))
    }
    return try Yams.serialize(node: Node.mapping(Node.Mapping(pairs)))
  }

  /// How YAML writes that there is no value.
  private static let nulls = ["", "~", "null", "Null", "NULL"]
}
