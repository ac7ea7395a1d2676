/// The settings of how the work is divided and what the ranks exchange.

import Datasets
import Distributed
import Networks

package struct ParallelSettings: Hashable, Sendable {
  /// The global mini-batch, in images.
  package var batchSize = 128
  /// Micro-batches of a mini-batch, trained one after the other before an update.
  package var accumulate = 1
  /// Logical shards of the mini-batch; nil: see `shards(ranks:)`.
  package var shards: Int?
  /// How the shards are divided over ranks of different speed.
  package var balance = RankBalance.even
  /// Images of a BN group; nil: the whole micro-batch.
  package var normalizationGroup: Int?
  /// Threads of each rank; nil: this machine's cores divided by its ranks.
  package var threads: Int?
  /// Threads of each rank that read and augment images.
  package var workers = 1
  package var reduction = ReductionChoice.tree
  /// Of what travels between hosts.
  package var gradientCompression = GradientCompression.none
  /// Megabytes (2²⁰ bytes) of gradients that are summed at a time.
  package var bucketMegabytes = 1.0

  package init() {}

  package var bucketBytes: Int { Int(bucketMegabytes * 1_048_576) }
}

extension ParallelSettings: SettingGroup {
  package static let title = "Division of the work"

  static let batchSizes = 1...1_048_576

  package static let settings: [Setting] = [
    Setting(
      "batch-size", \.parallel.batchSize, .integer(batchSizes),
      "The global mini-batch: images of all ranks together.", shortName: "b", effect: .fixed,
      isCommon: true),
    Setting(
      "accumulate", \.parallel.accumulate, .integer(1...65_536),
      "Train the mini-batch in N micro-batches, one after the other, with one update: a large "
        + "mini-batch in the memory of a micro-batch. BN sees a micro-batch at most."),
    Setting(
      "shards", \.parallel.shards, .integer(1...),
      "Logical shards of the mini-batch. Runs with the same shards give the same bits on any "
        + "number of ranks up to N.", unset: "8, or the ranks if more", effect: .fixed),
    Setting(
      "balance", \.parallel.balance, .balance,
      "Which ranks hold more of the shards: even, all the same; auto, the faster ones, by a "
        + "measurement at the start; or each by a speed that you give, such as 2,1,1. No choice "
        + "changes a result.", effect: .none),
    Setting(
      "bn-group-size", \.parallel.normalizationGroup, .integer(1...),
      "Images whose BN statistics are merged, whichever ranks hold them: the papers' images per GPU. "
        + "Must divide the mini-batch.", unset: "the whole mini-batch"),
    Setting(
      "threads", \.parallel.threads, .integer(1...), "Threads of each rank.",
      unset: "the cores divided by the ranks", effect: .none, isCommon: true),
    Setting(
      "workers", \.parallel.workers, .integer(1...256),
      "Threads of each rank that prepare images.", shortName: "j", effect: .none, isCommon: true),
    Setting(
      "reduction", \.parallel.reduction, .choice,
      "How gradients are summed: tree, the same bits on any number of ranks, or mpi, MPI's own "
        + "all-reduce, for comparison."),
    Setting(
      "gradient-compression", \.parallel.gradientCompression, .choice,
      "How gradients travel between hosts: none, as they are, or bf16, rounded to half of the "
        + "bytes. Another number of hosts then gives other bits."),
    Setting(
      "bucket-mb", \.parallel.bucketMegabytes, .real(0.001...1024), valueName: "MB",
      "Megabytes of gradients that are summed at a time while the backward pass continues.",
      effect: .none),
  ]
}

extension TrainingConfiguration {
  /// The logical shards of the whole mini-batch: 8 of each micro-batch, or as many as ranks where those
  /// are more, and enough for the BN groups.
  package func shards(ranks: Int) -> Int {
    if let shards = parallel.shards { return shards }
    let least = max(8, ranks)
    let microBatch = parallel.batchSize / parallel.accumulate
    guard let group = parallel.normalizationGroup, microBatch % group == 0 else {
      return least * parallel.accumulate
    }
    let groups = microBatch / group
    return (least + groups - 1) / groups * groups * parallel.accumulate
  }

  /// Threads of each rank; collective where the settings leave them open.
  package func threads(on ranks: ProcessGroup) throws -> Int {
    try parallel.threads ?? ranks.threadsPerRank()
  }

  /// This rank's share of each micro-batch.
  ///
  /// - Parameter speeds: of each rank, from `RankBalance`; nil: all are the same.
  /// - Throws: `AccumulationError`, `ShardLayoutError`.
  package func microBatchLayout(
    ranks: Int, rank: Int, speeds: [Double]? = nil
  ) throws -> ShardLayout {
    let shards = shards(ranks: ranks)
    let (batch, count) = (parallel.batchSize, parallel.accumulate)
    guard batch % count == 0, shards % count == 0 else {
      throw AccumulationError(microBatches: count, batch: batch, shards: shards)
    }
    return try ShardLayout(
      batch: batch / count, shards: shards / count, ranks: ranks, rank: rank, speeds: speeds)
  }
}

extension TrainingConfiguration {
  /// The division of a micro-batch into BN groups and over ranks, by their speeds. Collective.
  ///
  /// - Parameter threads: of this rank.
  /// - Throws: as `RankBalance.speeds` and `microBatchLayout`, `StatisticsGroupError`.
  package func division(on ranks: ProcessGroup, threads: Int) throws -> NormalizationGroups {
    try NormalizationGroups(
      microBatchLayout(
        ranks: ranks.count, rank: ranks.rank,
        speeds: parallel.balance.speeds(on: ranks, threads: threads)),
      imagesPerGroup: parallel.normalizationGroup)
  }

  /// How images of a mini-batch are mixed; nil: not at all. BN groups, which are the source's GPUs, are
  /// mixed by themselves.
  package var mixing: BatchMixing? {
    var mixing = augmentation.mixing
    mixing?.groupSize = parallel.normalizationGroup
    return mixing
  }

  /// How often samples come, in different BN groups where there are enough.
  package var sampleRepetition: SampleRepetition {
    let repeats = augmentation.repeats
    if repeats == 1 { return .none }
    let groups = parallel.normalizationGroup.map { parallel.batchSize / $0 } ?? 1
    return SampleRepetition(count: repeats, groups: max(groups, repeats))
  }
}

/// A mini-batch cannot be trained in that number of micro-batches.
package struct AccumulationError: UsageError, Equatable, CustomStringConvertible {
  package let microBatches: Int
  package let batch: Int
  package let shards: Int

  package var description: String {
    batch % microBatches == 0
      ? "\(shards) logical shards cannot be divided into \(microBatches) micro-batches: use --shards "
        + "with a multiple of \(microBatches)"
      : "a mini-batch of \(batch) images cannot be divided into \(microBatches) micro-batches: use an "
        + "--accumulate that divides it"
  }
}
