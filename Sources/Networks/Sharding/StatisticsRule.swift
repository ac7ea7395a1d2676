/// How two neighbours' statistics become one.

import Kernels
import Tensors

/// What is merged in one exchange, and how.
package struct StatisticsRule {
  package enum Kind: Hashable, Sendable {
    /// Plain sums.
    case sums
    /// (mean[C], M2[C]) over images of `area` pixels, merged by Chan's formula.
    case moments(area: Int)
  }

  package let kind: Kind
  /// Numbers of a shard.
  package let width: Int
  package let division: NormalizationGroups

  package init(_ kind: Kind, width: Int, division: NormalizationGroups) {
    self.kind = kind
    self.width = width
    self.division = division
  }

  /// Carries out `merges` on [nodes, width] values, in order.
  package func merge(_ values: MutableVectorView<Double>, _ merges: [NormalizationGroups.Merge]) {
    for merge in merges {
      let into = values.row(merge.into, width: width)
      let from = values.row(merge.from, width: width)
      switch kind {
      case .sums:
        for index in 0..<width { into[index] += from[index] }
      case .moments(let area):
        BatchNormalization.mergeMoments(
          VectorView(from), rows: Double(merge.right.count * area), into: into,
          rowsBefore: Double(merge.left.count * area))
      }
    }
  }

  /// Merges a rank's [local shards, width] in place to its [local pieces, width].
  package func mergeLocalShards(_ values: MutableVectorView<Double>) {
    merge(values, division.localMerges)
    for (piece, shard) in division.localPieces.enumerated() where piece != shard {
      values.row(piece, width: width).update(from: values.row(shard, width: width))
    }
  }
}
