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
    return String(
      text.map { $0.isLetter || $0.isNumber || "-_.,".contains($0) ? $0 : "_" })
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
          let texts = values.sequence.map { $0.compactMap(Self.text) }
          guard let name = key.string, let texts, !texts.isEmpty else {
            throw .unreadable(
              path: "\(source)", reason: "grid has lists of values, such as 'shortcut: [A, B]'")
          }
          grid.append((name, texts, key.mark?.line))
        }
      case ("seeds", .sequence(let values)): seeds = values.compactMap(\.string)
      case ("base", _), ("runs", _), ("grid", _), ("seeds", _):
        throw .unreadable(
          path: "\(source)",
          reason: "base and grid are 'key: value' lines, runs is a list of such, seeds a list")
      default:
        throw .unknownKey(
          name, suggestion: Spelling.nearest(to: name, among: Self.keys), source: source)
      }
    }
    if !seeds.isEmpty, let axis = grid.first(where: { $0.key == "seed" }) {
      throw .unreadable(
        path: "\(ConfigurationError.Source(file: path, line: axis.line))",
        reason: "grid has seed and there are seeds: leave one of them out")
    }
    if runs.isEmpty { runs = [(nil, [])] }
  }

  /// A value of the grid: a word, or a list in brackets.
  private static func text(_ node: Node) -> String? {
    node.string ?? node.sequence?.compactMap(\.string).joined(separator: ",")
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
