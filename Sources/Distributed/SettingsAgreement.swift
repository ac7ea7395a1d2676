/// The check that all ranks were started alike.

import Foundation
import MPI

/// Ranks were started with different settings.
package struct RanksDisagree: UsageError, Equatable, CustomStringConvertible {
  package let key: String
  package let first: String
  package let rank: Int
  package let other: String
  /// Their hosts, ` (node1 and node2)`; empty where it is one.
  package let hosts: String

  package var description: String {
    "ranks were started with different settings: \(key) is \(first) on rank 0 and \(other) on rank "
      + "\(rank)\(hosts). Start all ranks with the same program, command line, configuration file and data, on "
      + "processors of one kind"
  }
}

extension ProcessGroup {
  private struct Setting: Codable {
    let key: String
    let value: String
  }

  /// Checks that all ranks hold the same values, each under the same key. Collective.
  ///
  /// - Throws: `CollectiveFailure` with the reason of `RanksDisagree`.
  package func agree(on values: [(key: String, value: String)]) throws {
    let settings = values.map { Setting(key: $0.key, value: $0.value) }
    let encoder = JSONEncoder()
    // Equal settings must be equal texts.
    encoder.outputFormatting = .sortedKeys
    let texts = try control.allGather(
      String(decoding: try encoder.encode(settings), as: UTF8.self))
    guard let other = texts.firstIndex(where: { $0 != texts[0] }) else { return }
    let hosts = try hostNames(ofFirstAnd: other)
    try together {
      guard isFirst else { return }
      let (mine, theirs) = (try Self.table(texts[0]), try Self.table(texts[other]))
      let keys = (values.map(\.key) + theirs.keys.sorted()).filter { mine[$0] != theirs[$0] }
      let key = keys.first ?? "configuration"
      throw RanksDisagree(
        key: key, first: mine[key] ?? "not set", rank: other, other: theirs[key] ?? "not set",
        hosts: hosts)
    }
  }

  /// The hosts of rank 0 and another as errors name them, ` (node1 and node2)`; empty where it is one. Collective.
  private func hostNames(ofFirstAnd other: Int) throws -> String {
    let names = try control.allGather(ProcessInfo.processInfo.hostName)
    return names[0] == names[other] ? "" : " (\(names[0]) and \(names[other]))"
  }

  private static func table(_ text: String) throws -> [String: String] {
    let settings = try JSONDecoder().decode([Setting].self, from: Data(text.utf8))
    return Dictionary(settings.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
  }
}
