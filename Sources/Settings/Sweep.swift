/// A sweep: configurations times seeds, described in one YAML file.

import Networks
import Tensors
import Yams

/// The runs of a sweep file.
///
///     base:                 # values of all runs
///       recipe: he2015-cifar
///     runs:                 # named runs, each with its own values
///       - name: plain
///         model: plain20
///       - name: residual
///         model: resnet20
///     grid:                 # all combinations, with each of the runs
///       shortcut: [A, B, C]
///     seeds: [1, 2, 3]      # each of them with each seed
///
/// All but one of `runs`, `grid` and `seeds` can be left out.
package struct Sweep: Sendable {
  package struct Job: Sendable {
    /// The name of its run folder.
    package let name: String
    package let changes: ConfigurationChanges
  }

  package let jobs: [Job]

  private static let mostJobs = 10_000

  /// - Parameter path: the file, for messages.
  /// - Throws: `ConfigurationError`.
  package init(yaml: String, path: String) throws(ConfigurationError) {
    let file = try SweepFile(yaml: yaml, path: path)
    let counts =
      [max(1, file.runs.count), max(1, file.seeds.count)] + file.grid.map(\.values.count)
    guard counts.reduce(1.0, { $0 * Double($1) }) <= Double(Self.mostJobs) else {
      throw .unreadable(
        path: path,
        reason:
          "the runs, the values of the grid and the seeds make more than \(Self.mostJobs.grouped) "
          + "runs: leave some out, or divide the file")
    }
    var jobs = file.runs.map { (names: [$0.name].compactMap(\.self), entries: $0.entries) }
    for (key, values, line) in file.grid {
      jobs = jobs.flatMap { job in
        values.map { value in
          (
            job.names + ["\(key)-\(value)"],
            job.entries + [ConfigurationChanges.Entry(key, value, line: line)]
          )
        }
      }
    }
    if !file.seeds.isEmpty {
      jobs = jobs.flatMap { job in
        file.seeds.map { seed in
          (job.names + ["seed-\(seed)"], job.entries + [ConfigurationChanges.Entry("seed", seed)])
        }
      }
    }
    let base = try ConfigurationChanges(parsing: file.base, file: path)
    var made: [Job] = []
    var names: Set<String> = []
    for job in jobs {
      let name = Self.folderName(job.names)
      if !names.insert(name).inserted {
        throw .unreadable(path: path, reason: "two runs are called '\(name)': give them names")
      }
      made.append(
        Job(
          name: name, changes: base + (try ConfigurationChanges(parsing: job.entries, file: path))))
    }
    self.jobs = made
  }

  /// Words as the name of a folder.
  private static func folderName(_ words: [String]) -> String {
    let text = words.isEmpty ? "run" : words.joined(separator: "-")
    let name = String(
      text.map { $0.isLetter || $0.isNumber || "-_.,".contains($0) ? $0 : "_" })
    // A dot at the front would be the sweep's own folder, the one above, or a hidden one.
    return name.hasPrefix(".") ? "_\(name.dropFirst())" : name
  }
}

/// The parts of a sweep file as they are written.
private struct SweepFile {
  var base: [ConfigurationChanges.Entry] = []
  var runs: [(name: String?, entries: [ConfigurationChanges.Entry])] = []
  var grid: [(key: String, values: [String], line: Int?)] = []
  var seeds: [String] = []

  private static let keys = ["base", "runs", "grid", "seeds"]

  init(yaml: String, path: String) throws(ConfigurationError) {
    let root = try ConfigurationChanges.mapping(yaml: yaml, path: path)
    for (key, node) in root {
      let name = key.string ?? ""
      let source = ConfigurationError.Source(file: path, line: key.mark?.line)
      switch (name, node) {
      case ("base", .mapping(let values)):
        base = try ConfigurationChanges.entries(of: values, path: path)
      case ("runs", .sequence(let nodes)):
        for node in nodes { runs.append(try Self.run(node, path: path, source)) }
      case ("grid", .mapping(let axes)):
        for (key, values) in axes {
          guard let name = key.string, let elements = values.sequence, !elements.isEmpty else {
            throw .unreadable(
              path: "\(source)", reason: "grid has lists of values, such as 'shortcut: [A, B]'")
          }
          var texts: [String] = []
          for element in elements { texts.append(try Self.text(element, of: name, path: path)) }
          grid.append((name, texts, key.mark?.line))
        }
      case ("seeds", .sequence(let values)):
        seeds = try ConfigurationChanges.words(of: values, of: name, path: path)
      case ("base", _), ("runs", _), ("grid", _), ("seeds", _):
        throw .unreadable(
          path: "\(source)",
          reason: "base and grid are 'key: value' lines, runs is a list of such, seeds a list")
      default:
        throw .unknownKey(
          name, suggestion: Spelling.nearest(to: name, among: Self.keys), source: source)
      }
    }
    try checkSources(path: path)
    if runs.isEmpty { runs = [(nil, [])] }
  }

  /// Checks that no setting has values in two of runs, grid and seeds: one of them would count for nothing.
  private func checkSources(path: String) throws(ConfigurationError) {
    func setting(_ key: String) -> String {
      TrainingConfiguration.setting(named: key)?.key ?? key
    }
    var given: [String: String] = [:]
    for entry in runs.flatMap(\.entries) { given[setting(entry.key)] = "a run" }
    if !seeds.isEmpty, given.updateValue("seeds", forKey: "seed") != nil {
      throw .unreadable(
        path: path, reason: "a run has a seed and there are seeds: leave one of them out")
    }
    for axis in grid {
      guard let other = given.updateValue("grid", forKey: setting(axis.key)) else { continue }
      throw .unreadable(
        path: "\(ConfigurationError.Source(file: path, line: axis.line))",
        reason: "\(axis.key) is given in grid and in \(other): leave one of them out")
    }
  }

  /// A value of the grid: a word, or a list in brackets.
  private static func text(
    _ node: Node, of name: String, path: String
  ) throws(ConfigurationError) -> String {
    let words = try ConfigurationChanges.words(of: node.sequence ?? [node], of: name, path: path)
    return words.joined(separator: ",")
  }

  private static func run(
    _ node: Node, path: String, _ source: ConfigurationError.Source
  ) throws(ConfigurationError) -> (String?, [ConfigurationChanges.Entry]) {
    guard case .mapping(let values) = node else {
      throw .unreadable(path: "\(source)", reason: "a run is some 'key: value' lines")
    }
    let entries = try ConfigurationChanges.entries(of: values, path: path)
    let name = entries.first { $0.key == "name" }?.value
    let own = entries.filter { $0.key != "name" }
    // Without a name, its values are.
    let made = own.map { "\($0.key)-\($0.value)" }.joined(separator: "-")
    return (name ?? (made.isEmpty ? nil : made), own)
  }
}
