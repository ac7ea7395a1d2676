/// How a run divides its work over ranks and steps, in words.

import Console
import Distributed
import Networks
import Optimizers
import Settings
import Tensors

/// Rows of a run's summary that do not depend on what it trains.
struct DivisionSummary {
  private let configuration: TrainingConfiguration
  /// Of a micro-batch.
  private let layout: ShardLayout
  private let timeline: TrainingTimeline
  private let learningRateSchedule: any LearningRateSchedule
  private let threads: Int
  /// Threads of a rank that only load images.
  private let loadingThreads: Int
  /// Ranks on rank 0's machine.
  private let localRanks: Int
  private let hosts: RankGroups

  init(
    _ configuration: TrainingConfiguration, _ layout: ShardLayout, _ timeline: TrainingTimeline,
    _ schedule: any LearningRateSchedule, threads: Int, loadingThreads: Int,
    _ ranks: ProcessGroup
  ) {
    self.configuration = configuration
    self.layout = layout
    self.timeline = timeline
    learningRateSchedule = schedule
    self.threads = threads
    self.loadingThreads = loadingThreads
    localRanks = ranks.local.size
    hosts = ranks.hosts
  }

  var ranks: String {
    let busy = localRanks * threads
    var text =
      "\(layout.ranks) × \(threads) \(threads == 1 ? "thread" : "threads"), \(busy) on this "
      + "machine's \(ThreadAllocation.cores) cores"
    if loadingThreads > 0 { text += "; \(loadingThreads) more a rank to load images" }
    if busy > ThreadAllocation.cores {
      text += "\nmore threads than cores: they take turns, which costs time and changes no result"
    } else if configuration.parallel.threads == nil, ThreadAllocation.isBound,
      busy < ThreadAllocation.cores
    {
      text += "\nmpirun bound the ranks to these cores: --bind-to none lets them use the others"
    }
    if hosts.groups.count > 1 {
      let sizes = sizes(hosts.groups.map(\.count))
      text +=
        localRanks > hosts.groups[0].count
        ? "\neach talks to the others as if it were on a host of its own, because neighbouring ranks are "
          + "on different hosts: --map-by slot is faster"
        : "\non \(hosts.groups.count) hosts with \(sizes) ranks each"
    }
    if configuration.parallel.gradientCompression != .none, hosts.groups.count > 1 {
      text += "\n--gradient-compression: another number of hosts gives other bits"
    }
    if configuration.parallel.reduction == .mpi {
      text += "\n--reduction mpi: another number of ranks gives other bits"
    }
    let counts = layout.counts
    if configuration.parallel.balance != .even {
      text +=
        "\nranks hold \(counts.prefix(16).map { "\($0)" }.joined(separator: ", "))"
        + (counts.count > 16 ? ", …" : "")
        + " of \(layout.shards) shards by their speeds (--balance)"
    } else if counts.min() != counts.max() {
      text +=
        "\n\(layout.shards) shards do not divide evenly: ranks hold \(counts.min()!) to "
        + "\(counts.max()!), same result, the fullest sets the pace"
    }
    return text
  }

  var batch: String {
    let perShard = sizes((0..<layout.shards).map { layout.positions(ofShard: $0).count })
    let perRank = sizes(
      (0..<layout.ranks).map { layout.positions(ofShards: layout.shards(ofRank: $0)).count })
    let microBatches = configuration.parallel.accumulate
    let whole =
      microBatches == 1
      ? "" : "\(configuration.parallel.batchSize) images in \(microBatches) micro-batches of "
    return
      "\(whole)\(layout.capacity) images: \(perRank) a rank, \(perShard) in each of \(layout.shards) "
      + "shards"
      + (configuration.parallel.normalizationGroup.map { ", BN over groups of \($0) images" } ?? "")
  }

  private func sizes(_ counts: [Int]) -> String {
    let (least, most) = (counts.min() ?? 0, counts.max() ?? 0)
    return least == most ? "\(least)" : "\(least) to \(most)"
  }

  var schedule: String {
    let length =
      switch configuration.schedule.length {
      case .epochs(let count): "\(count) \(count == 1 ? "epoch" : "epochs"), "
      case .iterations: ""
      }
    var text =
      "\(length)\(timeline.steps.grouped) iterations, \(learningRateSchedule.summary)"
    if let reference = configuration.schedule.learningRateReferenceBatch {
      text +=
        "\nlr \(NumberFormat.learningRate(configuration.scaledLearningRate)) is "
        + "\(NumberFormat.learningRate(configuration.schedule.learningRate)) × "
        + "\(configuration.parallel.batchSize.grouped) / \(reference.grouped) images"
    }
    return text
  }
}
