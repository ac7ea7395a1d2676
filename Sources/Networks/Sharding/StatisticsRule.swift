/// How two neighbours' statistics become one.

import Kernels

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
  package func merge(_ values: UnsafeMutablePointer<Double>, _ merges: [NormalizationGroups.Merge])
  {
    for merge in merges {
      let into = values + merge.into * width
      let from = values + merge.from * width
      switch kind {
      case .sums:
        for index in 0..<width { into[index] += from[index] }
      case .moments(let area):
        BatchNormalization.mergeMoments(
          from, rows: Double(merge.right.count * area), into: into,
          rowsBefore: Double(merge.left.count * area), channels: width / 2)
      }
    }
  }

  /// Merges a rank's [local shards, width] in place to its [local pieces, width].
  package func mergeLocalShards(_ values: UnsafeMutablePointer<Double>) {
    merge(values, division.localMerges)
    for (piece, shard) in division.localPieces.enumerated() where piece != shard {
      (values + piece * width).update(from: values + shard * width, count: width)
    }
  }
}
