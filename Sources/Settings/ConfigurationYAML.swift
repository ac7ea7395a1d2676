/// Configurations as YAML: a flat mapping of flags without their dashes.

import Yams

extension ConfigurationChanges {
  /// The values of a YAML file.
  ///
  /// A plain null means that a value is not set. What is under `derived`, as `config.yaml` has it, was
  /// derived from the other values and from the launch, and is derived again.
  /// - Parameter path: the file, for messages.
  /// - Throws: `ConfigurationError`.
  package init(yaml: String, path: String) throws(ConfigurationError) {
    try self.init(
      parsing: Self.entries(of: Self.mapping(yaml: yaml, path: path), path: path), file: path)
  }

  /// The mapping that a file is; empty where it has nothing.
  static func mapping(yaml: String, path: String) throws(ConfigurationError) -> Node.Mapping {
    let root: Node?
    do { root = try Yams.compose(yaml: yaml) } catch {
      throw .unreadable(path: path, reason: "\(error)")
    }
    guard let root else { return Node.Mapping([]) }
    guard case .mapping(let mapping) = root else {
      throw .unreadable(path: path, reason: "expected 'key: value' lines, such as 'lr: 0.1'")
    }
    return mapping
  }

  /// The values of a mapping in the command line's spelling.
  static func entries(
    of mapping: Node.Mapping, path: String
  ) throws(ConfigurationError) -> [Entry] {
    var entries: [Entry] = []
    for (key, node) in mapping {
      let line = key.mark?.line
      let place = ConfigurationError.Source(file: path, line: line)
      guard let name = key.string else {
        throw .unreadable(path: "\(place)", reason: "a key is not a plain word")
      }
      switch node {
      case .scalar(let scalar):
        if scalar.style != .plain || !nulls.contains(scalar.string) {
          entries.append(Entry(name, scalar.string, line: line))
        }
      case .sequence(let sequence):
        entries.append(
          Entry(
            name, try words(of: sequence, of: name, path: path).joined(separator: ","), line: line))
      case .mapping where name == TrainingConfiguration.derivedKey: break
      case .mapping, .alias:
        throw .unreadable(
          path: "\(place)", reason: "the value of '\(name)' is neither a value nor a list")
      }
    }
    return entries
  }

  /// The elements of a list, all of them plain values.
  static func words(
    of sequence: Node.Sequence, of name: String, path: String
  ) throws(ConfigurationError) -> [String] {
    var words: [String] = []
    for element in sequence {
      guard let word = element.string else {
        throw .unreadable(
          path: "\(ConfigurationError.Source(file: path, line: element.mark?.line))",
          reason: "an element of '\(name)' is no plain value")
      }
      words.append(word)
    }
    return words
  }

  /// How YAML writes that there is no value; in quotes it is a word.
  fileprivate static let nulls = ["", "~", "null", "Null", "NULL"]
}

extension TrainingConfiguration {
  fileprivate static let derivedKey = "derived"

  /// All values as YAML, one line each, null for those that are not set.
  ///
  /// - Parameter derived: the same configuration with all that follows from it and from the launch;
  ///   what it adds is listed at the end, for readers.
  package func yaml(derived: TrainingConfiguration? = nil) throws -> String {
    var pairs = ownSettings.map { setting in
      (Node(setting.key), Self.node(setting.text(self)))
    }
    if let derived {
      let added = Self.settings.compactMap { setting -> (Node, Node)? in
        guard setting.text(self) == nil, let text = setting.text(derived) else { return nil }
        return (Node(setting.key), Self.node(text))
      }
      if !added.isEmpty { pairs.append((Node(Self.derivedKey), .mapping(Node.Mapping(added)))) }
    }
    return try Yams.serialize(node: Node.mapping(Node.Mapping(pairs)))
  }

  private static func node(_ text: String?) -> Node {
    guard let text else { return Node("null", Tag(.null), .plain) }
    let style: Node.Scalar.Style = ConfigurationChanges.nulls.contains(text) ? .doubleQuoted : .any
    return Node(text, Tag(.implicit), style)
  }
}
