/// How the logical shards are divided over ranks of different speed.

import Distributed

package enum RankBalance: Hashable, Sendable {
  /// Each rank has as many, or one more.
  case even
  /// By the speeds that the ranks show when the run starts.
  case auto
  /// By these speeds, one a rank, of any unit.
  case speeds([Double])

  /// The ranks' speeds; nil: all are taken to be the same. Collective.
  ///
  /// - Parameter threads: of this rank.
  /// - Throws: `RankBalanceError`, what the measurement throws.
  package func speeds(on ranks: ProcessGroup, threads: Int) throws -> [Double]? {
    switch self {
    case .even: return nil
    case .auto: return try RankSpeed.measure(on: ranks, threads: threads)
    case .speeds(let speeds):
      guard speeds.count == ranks.count else {
        throw RankBalanceError(speeds: speeds.count, ranks: ranks.count)
      }
      return speeds
    }
  }
}

/// Speeds are given for another number of ranks.
package struct RankBalanceError: UsageError, Equatable, CustomStringConvertible {
  package let speeds: Int
  package let ranks: Int

  package var description: String {
    "--balance has the speeds of \(speeds) ranks, the run has \(ranks): give one for each, or auto"
  }
}

extension ValueFormat where Value == RankBalance {
  static var balance: Self {
    .init("even, auto, or a speed for each rank, such as 2,1,1", valueName: "even|auto|S,S,…") {
      text in
      switch text.lowercased() {
      case "even": return .even
      case "auto": return .auto
      default:
        let speeds = text.split(separator: ",", omittingEmptySubsequences: false).map {
          Double($0.trimmingPrefix(while: \.isWhitespace))
        }
        guard speeds.allSatisfy({ $0.map { $0 > 0 && $0.isFinite } ?? false }) else { return nil }
        return .speeds(speeds.compactMap(\.self))
      }
    } text: { balance in
      switch balance {
      case .even: "even"
      case .auto: "auto"
      case .speeds(let speeds): NumberText.text(speeds)
      }
    }
  }
}
