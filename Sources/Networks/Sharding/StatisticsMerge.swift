/// Merging of the shards' statistics in the tree's order, in place.

/// Merges over [shards, width] statistics; the result stands in shard 0's place.
enum StatisticsMerge {
  /// Merges (mean[C], M2[C]) of shards with `counts` rows by Chan's formula (Chan, Golub & LeVeque
  /// 1983, eq. 2.1): δ = mᵦ − mₐ, m = mₐ + δ·nᵦ/n, M2 = M2ₐ + M2ᵦ + δ²·nₐ·nᵦ/n.
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
      let count = countA + countB
      counts[merge.into] = count
      if countB == 0 { continue }
      for channel in 0..<channels {
        let delta = b[channel] - a[channel]
        a[channel] += delta * (countB / count)
        a[channels + channel] +=
          b[channels + channel] + delta * delta * (countA * countB / count)
      }
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
