/// Merging of the shards' statistics in the tree's order, in place.

import Kernels

/// Merges over [shards, width] statistics; the result stands in shard 0's place.
enum StatisticsMerge {
  /// Merges (mean[C], M2[C]) of shards with `counts` rows.
  ///
  /// - Parameters:
  ///   - moments: [shards, 2, C].
  ///   - counts: rows of each shard; ends with the total at 0.
  static func moments(
    _ moments: UnsafeMutablePointer<Double>, counts: UnsafeMutablePointer<Double>, channels: Int,
    merges: [ReductionTree.Merge]
  ) {
    for merge in merges {
      let a = moments + merge.into * 2 * channels
      let b = moments + merge.from * 2 * channels
      let countA = counts[merge.into]
      let countB = counts[merge.from]
      counts[merge.into] = countA + countB
      if countB == 0 { continue }
      BatchNormalization.mergeMoments(
        b, rows: countB, into: a, rowsBefore: countA, channels: channels)
    }
  }

  /// Adds up `width` numbers of each shard.
  static func sums(
    _ values: UnsafeMutablePointer<Double>, width: Int, merges: [ReductionTree.Merge]
  ) {
    for merge in merges {
      let into = values + merge.into * width
      let from = values + merge.from * width
      for index in 0..<width { into[index] += from[index] }
    }
  }
}
