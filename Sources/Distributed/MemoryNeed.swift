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

  package init() {}

  /// What a replica takes that only evaluates.
  package init(evaluating plans: ReplicaPlans) {
    activations = plans.activationBytes
    parameters = plans.parameterBytes
  }

  /// A need that no machine meets, where all activations of `images` images are petabytes: the sizes of a
  /// plan for them, and their sum over ranks, might not fit into an integer. Nil for others.
  package init?(beyondCounting architecture: Architecture, images: Int) {
    let elements = architecture.nodes.reduce(0.0) { $0 + Double($1.shape.count) }
    let bytes = 4 * elements * Double(images)
    guard bytes >= 0x1p52 else { return nil }
    activations = Int(min(bytes, 0x1p56))
  }

  package var total: Int { Self.programBytes + activations + parameters + images }
}

/// The ranks of a machine need more memory than it has left.
package struct MemoryShortage: UsageError, Equatable, CustomStringConvertible {
  /// Bytes of the rank that needs most, and of all ranks of its machine.
  package let need: Int
  package let ranks: Int
  package let ranksNeed: Int
  package let available: AvailableMemory
  /// What to lower, as flags.
  package let remedy: String

  package static func == (left: Self, right: Self) -> Bool {
    left.description == right.description
  }

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
