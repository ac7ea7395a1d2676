/// The check that all ranks still hold the same bits: a processor or memory may fail silently.

import MPI
import Networks
import Optimizers
import System

/// Ranks hold different parameters.
package struct ReplicasDiffer: Error, CustomStringConvertible {
  package let step: Int
  /// The ranks that differ from the most; where no group is larger, all but the first group.
  package let ranks: [Int]
  /// Of all ranks.
  package let count: Int
  /// Whether more than half of the ranks agree, so that the others are wrong.
  package let isDecided: Bool
  /// The first tensor that differs.
  package let tensor: String

  package var description: String {
    let names = ranks.map(String.init).joined(separator: ", ")
    let who =
      isDecided
      ? "rank\(ranks.count == 1 ? "" : "s") \(names) of \(count) differ\(ranks.count == 1 ? "s" : "") from "
        + "the others"
      : "the ranks disagree (\(names) of \(count) differ from rank 0), and no half of them is right by number"
    return
      "after step \(step) \(who), first in \(tensor): a processor or memory has erred. Nothing is saved of "
      + "this; leave the machine of such a rank out and continue with --resume"
  }
}

extension TrainingEngine {
  /// Checks that parameters, running statistics and the optimizer's state are the same on all ranks.
  /// Collective.
  ///
  /// Reads the state once, and exchanges a number.
  /// - Throws: `CollectiveFailure` for `ReplicasDiffer`, `MPIError`.
  package func verifyReplicas(_ group: ProcessGroup, step: Int) throws {
    if group.count == 1 { return }
    var digest = WordDigest()
    for part in stateParts { digest.update(part.values) }
    let digests = try group.control.allGather(digest.value)
    if digests.allSatisfy({ $0 == digests[0] }) { return }
    throw CollectiveFailure(onEveryRank: try difference(digests, group, step: step))
  }

  /// Named pieces of what all ranks hold alike.
  private var stateParts: [(name: String, values: UnsafeBufferPointer<Float>)] {
    let parameters = UnsafeBufferPointer(replica.parameters)
    let statistics = UnsafeBufferPointer(replica.runningStatistics)
    return replica.parameterLayout.slots.map {
      ($0.name, UnsafeBufferPointer(rebasing: parameters[$0.range]))
    } + [
      ("the running statistics", statistics),
      ("the optimizer's state", UnsafeBufferPointer(optimizer.state.elements)),
    ]
  }

  private func difference(
    _ digests: [UInt64], _ group: ProcessGroup, step: Int
  ) throws -> ReplicasDiffer {
    let counts = Dictionary(grouping: digests, by: \.self).mapValues(\.count)
    let most = counts.values.max() ?? 0
    let isDecided = 2 * most > digests.count
    let right = isDecided ? digests.first { counts[$0] == most } : digests[0]
    let wrong = digests.indices.filter { digests[$0] != right }
    let parts = stateParts
    var name = "the state"
    for part in parts {
      var digest = WordDigest()
      digest.update(part.values)
      let all = try group.control.allGather(digest.value)
      if all.contains(where: { $0 != all[0] }) {
        name = part.name
        break
      }
    }
    return ReplicasDiffer(
      step: step, ranks: wrong, count: digests.count, isDecided: isDecided, tensor: name)
  }
}
