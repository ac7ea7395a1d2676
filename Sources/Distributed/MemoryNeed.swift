/// Memory that a rank will take, counted before it is taken.

import Networks
import System
import Tensors

/// The large parts of a rank's memory, in bytes.
package struct MemoryNeed: Hashable, Sendable {
  /// The program with its libraries, before it holds anything; measured.
  package static let programBytes = 64 << 20

  /// Activations and their gradients.
  package var activations = 0
  /// Parameters, their gradients and the optimizer's state.
  package var parameters = 0
  /// Images that are prepared ahead.
  package var images = 0
  /// What a frozen network makes of all images, where that is kept; of ranks that share it, one counts it.
  package var features = 0

  /// What a replica takes; see `ReplicaPlans` for the parameters.
  package init(
    _ architecture: Architecture, training: ShardLayout?, evaluation: ShardLayout, threads: Int,
    division: NormalizationGroups? = nil
  ) {
    let images = (training ?? evaluation).localPositions.count
    let elements = architecture.nodes.reduce(0.0) { $0 + Double($1.shape.count) }
    let bytes = 4 * elements * Double(images)
    // The sizes of a plan for petabytes, and their sum over ranks, might not fit into an integer.
    if bytes >= 0x1p52 {
      activations = Int(min(bytes, 0x1p56))
      return
    }
    let plans = ReplicaPlans(
      architecture, training: training, evaluation: evaluation, threads: threads,
      division: division)
    activations = plans.arenaBytes
    parameters = plans.parameterBytes
  }

  package var total: Int { Self.programBytes + activations + parameters + images + features }
}

/// The ranks of a machine need more memory than it has left.
package struct MemoryShortage: UsageError, CustomStringConvertible {
  /// Bytes of the rank that needs most, and of all ranks of its machine.
  package let need: Int
  package let ranks: Int
  package let ranksNeed: Int
  package let available: AvailableMemory
  /// What to lower, as flags.
  package let remedy: String

  package var description: String {
    let all = ranks == 1 ? "" : ", its machine's \(ranks) ranks \(Self.text(ranksNeed))"
    return "a rank needs \(Self.text(need)) of memory\(all), but \(available.limit) has "
      + "\(Self.text(available.bytes)) left: use \(remedy)"
  }

  private static func text(_ bytes: Int) -> String {
    let gibibytes = Double(bytes) / Double(1 << 30)
    return gibibytes < 10
      ? "\((gibibytes * 100).rounded() / 100) GiB" : "\(Int(gibibytes.rounded()).grouped) GiB"
  }
}

extension ProcessGroup {
  /// Whether the ranks of every machine fit into its memory, as far as that is known. Collective.
  package func hasMemory(for need: MemoryNeed) throws -> Bool {
    let sum = try local.allReduce(need.total, .sum)
    return try control.allRanks(AvailableMemory.read().map { sum <= $0.bytes } ?? true)
  }

  /// Ends the job where a machine's ranks would not fit into its memory. Collective.
  ///
  /// - Parameters:
  ///   - need: of this rank; ranks may differ.
  ///   - remedy: what to lower, as flags.
  /// - Throws: `CollectiveFailure` for a `MemoryShortage`.
  package func checkMemory(_ need: MemoryNeed, remedy: String) throws {
    let needs = try local.allGather(need.total)
    try together {
      let sum = needs.reduce(0, +)
      guard let available = AvailableMemory.read(), sum > available.bytes else { return }
      throw MemoryShortage(
        need: needs.max() ?? 0, ranks: needs.count, ranksNeed: sum, available: available,
        remedy: remedy)
    }
  }
}
