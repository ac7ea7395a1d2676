/// The check that all ranks were started alike.

import Foundation
import MPI

/// Ranks were started with different settings.
package struct RanksDisagree: UsageError, Equatable, CustomStringConvertible {
  package let key: String
  package let first: String
  package let rank: Int
  package let other: String

  package var description: String {
    "ranks were started with different settings: \(key) is \(first) on rank 0 and \(other) on rank "
      + "\(rank). Start all ranks with the same command line, configuration file and data"
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
    try together {
      guard isFirst, let other = texts.firstIndex(where: { $0 != texts[0] }) else { return }
      let (mine, theirs) = (try Self.table(texts[0]), try Self.table(texts[other]))
      let keys = (values.map(\.key) + theirs.keys.sorted()).filter { mine[$0] != theirs[$0] }
      let key = keys.first ?? "configuration"
      throw RanksDisagree(
        key: key, first: mine[key] ?? "not set", rank: other, other: theirs[key] ?? "not set")
    }
  }

  private static func table(_ text: String) throws -> [String: String] {
    let settings = try JSONDecoder().decode([Setting].self, from: Data(text.utf8))
    return Dictionary(settings.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
  }
}
