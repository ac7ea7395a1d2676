/// Why a configuration cannot be used.

import Distributed

package enum ConfigurationError: UsageError, Equatable, CustomStringConvertible {
  /// Where a value was given.
  package struct Source: Hashable, Sendable, CustomStringConvertible {
    /// Nil: the command line.
    package let file: String?
    /// From 1.
    package let line: Int?

    package init(file: String? = nil, line: Int? = nil) { (self.file, self.line) = (file, line) }

    package static let commandLine = Source()

    /// A key as it is written there.
    func spelling(_ key: String) -> String { file == nil ? "--\(key)" : key }

    package var description: String {
      guard let file else { return "command line" }
      return file + (line.map { ":\($0)" } ?? "")
    }

    /// What a message begins with.
    fileprivate var prefix: String { file == nil ? "" : "\(self): " }
  }

  case unreadable(path: String, reason: String)
  case unknownKey(String, suggestion: String?, source: Source)
  case badValue(key: String, value: String, expected: String, source: Source)
  case givenTwice(String, String, source: Source)

  package var description: String {
    switch self {
    case .unreadable(let path, let reason): "cannot read the configuration \(path): \(reason)"
    case .unknownKey(let key, let suggestion, let source):
      "\(source): unknown key '\(key)'" + (suggestion.map { ", did you mean '\($0)'?" } ?? "")
    case .badValue(let key, let value, let expected, let source):
      source.file == nil
        ? "--\(key) \(value): expected \(expected)"
        : "\(source.prefix)\(key): \(value): expected \(expected)"
    case .givenTwice(let first, let second, let source):
      "\(source.prefix)\(source.spelling(first)) and \(source.spelling(second)) set the same value: "
        + "use one of them"
    }
  }
}
