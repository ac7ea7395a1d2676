/// The sum of the weight gradients over all ranks, in the order of the tree over shards.

import Glibc
import Kernels
import MPI
import Networks
import Tensors

/// Sums gradients during the backward pass, so that any number of ranks gives the bits of one rank.
///
/// Ranks of a host read each other's gradients in place (`SharedGradientMemory`). A rank owns one
/// segment of each bucket, its lane: when all ranks of the host have completed the bucket, it sums
/// their tree nodes' values of the segment; then the owners of the same lane on all hosts exchange sums
/// over the network (`BucketExchange`). No gradient is copied in order to be sent. All of this happens in
/// `advance`, on the rank's main thread: after exchanges of statistics, so that messages are under way
/// while layers compute and do not delay the next statistics.
package final class TreeReduction: GradientReduction {
  package var memory: any GradientMemory { shared }

  private let shared: SharedGradientMemory
  /// The host's first rank.
  private let firstRank: Int
  private let yieldsWhileWaiting: Bool
  private let progress: CommunicationProgress
  private let rankProgress: RankProgress?
  private let buckets: GradientBuckets
  /// Segments of a bucket, each summed by one rank of every host.
  private let lanes: Int
  /// This host's tree nodes' members in memory, and the merges that make them one by one.
  private let merges: [(into: MutableVectorView<Float>, from: MutableVectorView<Float>)]
  /// Each bucket's segment of this rank's lane; empty without a lane.
  private let segments: [Segment]
  private let scratch: AlignedBuffer<Float>

  private struct Segment {
    let range: Range<Int>
    /// Nil where all ranks share memory.
    let exchange: (any BucketExchange)?
  }

  /// Steps begun.
  private var step: UInt64 = 0
  /// Buckets of this step that this rank has completed, started to exchange, and summed.
  private var written = 0
  private var started = 0
  private var summed = 0

  /// Collective over all ranks.
  ///
  /// - Parameters:
  ///   - communicator: all ranks; used for nothing else.
  ///   - group: this rank's host, in the same order; nil for a rank alone.
  ///   - groups: all hosts.
  ///   - layout: this rank's shards.
  ///   - bucketSize: elements of a bucket.
  ///   - yieldsWhileWaiting: whether ranks take turns on their processors.
  ///   - compression: of what travels between hosts.
  ///   - network: a slower network between hosts than there is.
  ///   - progress: what this reduction registers with, and advances while it waits.
  ///   - rankProgress: notified which rank this one waits for.
  /// - Throws: `MPIError`.
  package init(
    _ communicator: Communicator, group: Communicator?, groups: RankGroups, layout: ShardLayout,
    extent: GradientExtent, bucketSize: Int, yieldsWhileWaiting: Bool,
    compression: GradientCompression = .none, network: EmulatedNetwork? = nil,
    progress: CommunicationProgress, rankProgress: RankProgress? = nil
  ) throws {
    precondition(
      communicator.size == layout.ranks && communicator.rank == layout.rank
        && groups.ranks == layout.ranks, "the layout is for other ranks")
    self.yieldsWhileWaiting = yieldsWhileWaiting
    self.progress = progress
    self.rankProgress = rankProgress
    let host = groups.group(of: layout.rank)
    let members = groups.groups[host]
    firstRank = members.lowerBound
    shared = try SharedGradientMemory(
      group, first: members.lowerBound, layout: layout, extent: extent)
    precondition(shared.size == members.count, "the group is another one")
    buckets = GradientBuckets(count: extent.weights, size: bucketSize)

    let tree = layout.tree
    let memberNodes = members.flatMap { tree.nodes(covering: layout.shards(ofRank: $0)) }
    let values = Dictionary(
      uniqueKeysWithValues: zip(memberNodes.map(\.lowerBound), shared.allNodes))
    let hostNodes = groups.groups.map { Self.nodes($0, layout) }
    merges = hostNodes[host].flatMap { tree.merges(of: $0, above: memberNodes) }.map {
      (values[$0.into]!, values[$0.from]!)
    }
    let lanes = groups.groups.map(\.count).min()!
    self.lanes = lanes
    let lane = shared.index
    let ranges = lane < lanes ? buckets.ranges.map { $0.part(lane, of: lanes) } : []
    let path = NetworkPath(
      communicator, tree: tree, hostNodes: hostNodes, host: host,
      owners: groups.groups.map { $0.lowerBound + lane },
      values: hostNodes[host].map { values[$0.lowerBound]! }, compression: compression,
      injected: network)
    let sizes = ranges.map { path.scratchCount(segment: $0.count) }
    let memory = AlignedBuffer<Float>(count: sizes.reduce(0, +))
    var free = 0
    segments = ranges.enumerated().map { bucket, range in
      let own = memory.view[free..<free + sizes[bucket]]
      free += own.count
      return Segment(
        range: range, exchange: path.exchange(bucket: bucket, segment: range, scratch: own))
    }
    scratch = memory
    progress.register(self)
  }

  /// The tree nodes that the shards of `ranks` make up.
  private static func nodes(_ ranks: Range<Int>, _ layout: ShardLayout) -> [Range<Int>] {
    layout.tree.nodes(covering: layout.shards(ofRanks: ranks))
  }

  // MARK: A step

  package func begin() throws {
    for index in 0..<shared.size { try wait(.released, of: index, for: step) }
    step += 1
    written = 0
    started = 0
    summed = 0
  }

  /// What a signal counts to when `count` buckets of this step are done.
  private func total(_ count: Int) -> UInt64 {
    (step - 1) * UInt64(buckets.ranges.count) + UInt64(count)
  }

  package func didComplete(weightGradients count: Int) {
    let before = written
    while written < buckets.ranges.count, buckets.ranges[written].upperBound <= count {
      written += 1
    }
    if written > before { shared.raise(.written, to: total(written)) }
  }

  package func advance() throws {
    while started < min(written, segments.count), isWritten(started) {
      let segment = segments[started]
      for merge in merges {
        Elementwise.add(
          VectorView(merge.from[segment.range]), to: merge.into[segment.range])
      }
      try segment.exchange?.start()
      started += 1
    }
    let before = summed
    var isPrefix = true
    for bucket in summed..<started {
      // Later buckets advance while an earlier one waits.
      let isDone = try segments[bucket].exchange?.advance() ?? true
      isPrefix = isPrefix && isDone
      if isPrefix { summed = bucket + 1 }
    }
    if summed > before { shared.raise(.summed, to: total(summed)) }
  }

  /// Whether all ranks of the host have completed `bucket`.
  private func isWritten(_ bucket: Int) -> Bool {
    (0..<shared.size).allSatisfy {
      shared.signal(.written, of: $0).hasReached(total(bucket + 1))
    }
  }

  package func finish() throws {
    precondition(written == buckets.ranges.count, "a gradient is missing")
    while true {
      try advance()
      if summed == segments.count { break }
      let next = total(started + 1)
      let late = (0..<shared.size).first { !shared.signal(.written, of: $0).hasReached(next) }
      if started < segments.count, let late {
        try wait(.written, of: late, for: next)
        continue
      }
      if let missing = segments[summed].exchange?.missingRank {
        rankProgress?.beginWait(for: missing, numbers: segments[summed].range.count)
      }
      if yieldsWhileWaiting { sched_yield() }
    }
    for index in 0..<lanes { try wait(.summed, of: index, for: total(buckets.ranges.count)) }
    rankProgress?.endWait()
  }

  /// Waits for a rank of the host, and lets communication advance meanwhile.
  private func wait(
    _ state: SharedGradientMemory.Progress, of index: Int, for value: UInt64
  ) throws {
    try shared.signal(state, of: index).wait(for: value, yields: yieldsWhileWaiting) {
      rankProgress?.beginWait(
        for: firstRank + index, numbers: buckets.ranges.first?.count ?? 0)
      try progress.deliver()
      try progress.poll()
    }
  }

  package func release() { shared.raise(.released, to: step) }
}

/// How hosts exchange buckets: by halving and doubling where the tree allows it.
private struct NetworkPath {
  let communicator: Communicator
  let owners: [Int]
  let host: Int
  /// This host's nodes.
  let values: [MutableVectorView<Float>]
  let compression: GradientCompression
  let injected: EmulatedNetwork?
  let tree: PairwiseExchange.Tree
  private let isPerfect: Bool

  init(
    _ communicator: Communicator, tree: ReductionTree, hostNodes: [[Range<Int>]], host: Int,
    owners: [Int], values: [MutableVectorView<Float>],
    compression: GradientCompression, injected: EmulatedNetwork?
  ) {
    self.compression = compression
    self.injected = injected
    self.communicator = communicator
    self.owners = owners
    self.host = host
    self.values = values
    self.tree = PairwiseExchange.Tree(
      hosts: hostNodes.enumerated().flatMap { host, nodes in nodes.map { _ in host } },
      merges: tree.merges(aboveHosts: hostNodes))
    isPerfect = PerfectHostTree.isFormed(
      nodes: hostNodes.map(\.count), merges: self.tree.merges)
  }

  func scratchCount(segment count: Int) -> Int {
    if owners.count == 1 { return 0 }
    return isPerfect
      ? RecursiveHalvingExchange.scratchCount(hosts: owners.count, segment: count)
      : PairwiseExchange.scratchCount(tree, hosts: owners.count, segment: count)
  }

  func exchange(
    bucket: Int, segment: Range<Int>, scratch: MutableVectorView<Float>
  ) -> (any BucketExchange)? {
    if owners.count == 1 { return nil }
    if isPerfect {
      return RecursiveHalvingExchange(
        communicator, owners: owners, host: host, values: values[0], segment: segment,
        scratch: scratch,
        firstTag: bucket * RecursiveHalvingExchange.tags(hosts: owners.count),
        compression: compression,
        network: injected)
    }
    return PairwiseExchange(
      communicator, owners: owners, host: host, tree: tree, nodes: values, segment: segment,
      scratch: scratch, firstTag: bucket * PairwiseExchange.tags(tree), compression: compression,
      network: injected)
  }
}
