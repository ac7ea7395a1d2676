/// Ranks as threads of one process, and the statistics exchange between them: the specification of
/// what an exchange between processes must do.

import Foundation
import Networks
import Synchronization
import Tensors

/// Where ranks meet: each leaves its blocks, and all see all blocks when everyone has.
///
/// Every rank makes the same calls in the same order. A rank that fails dismisses the others, which
/// fail in turn instead of waiting for ever.
///
/// `@unchecked Sendable`: all state is read and written under `condition` only.
final class MeetingPoint<Element: Sendable>: @unchecked Sendable {
  struct Dismissed: Error {}
  /// Ranks that asked for different widths, or a block at another's place.
  struct Disagreement: Error {}

  private let ranks: Int
  private let condition = NSCondition()
  private var board: [Int: [Element]] = [:]
  private var widths: Set<Int> = []
  private var inside = 0
  private var round = 0
  private var published: [Int: [Element]] = [:]
  private var agreed = true
  private var dismissed = false

  init(ranks: Int) { self.ranks = ranks }

  /// Leaves `blocks` by their place and returns everyone's.
  func meet(_ blocks: [Int: [Element]], width: Int) throws -> [Int: [Element]] {
    condition.lock()
    defer { condition.unlock() }
    let mine = round
    widths.insert(width)
    let places = board.count + blocks.count
    board.merge(blocks) { $1 }
    if board.count != places { widths.insert(-1) }
    inside += 1
    if inside == ranks {
      published = board
      agreed = widths.count == 1
      board = [:]
      widths = []
      inside = 0
      round += 1
      condition.broadcast()
    }
    while round == mine, !dismissed { condition.wait() }
    if dismissed { throw Dismissed() }
    if !agreed { throw Disagreement() }
    return published
  }

  func dismiss() {
    condition.lock()
    dismissed = true
    condition.broadcast()
    condition.unlock()
  }
}

/// One rank's end of the exchange: all pieces of all ranks meet, and each rank merges them for itself.
final class InMemoryExchange: StatisticsExchange {
  private let point: MeetingPoint<Double>
  private(set) var calls = 0

  init(_ point: MeetingPoint<Double>) { self.point = point }

  func combine(
    _ pieces: VectorView<Double>, into groups: MutableVectorView<Double>,
    by rule: StatisticsRule
  ) throws {
    calls += 1
    let (division, width) = (rule.division, rule.width)
    var blocks: [Int: [Double]] = [:]
    for (index, piece) in division.pieces(ofRank: division.layout.rank).enumerated() {
      blocks[piece.lowerBound] = (0..<width).map { pieces[index * width + $0] }
    }
    let met = try point.meet(blocks, width: width)
    let all = (0..<division.layout.ranks).flatMap { division.pieces(ofRank: $0) }
    var values = all.flatMap { met[$0.lowerBound]! }
    let merges = division.merges(of: all, to: division.groups)
    values.withUnsafeMutableBufferPointer { rule.merge(MutableVectorView($0), merges) }
    for (index, group) in division.groups[division.localGroups].enumerated() {
      let first = all.firstIndex { $0.lowerBound == group.lowerBound }!
      for offset in 0..<width { groups[index * width + offset] = values[first * width + offset] }
    }
  }
}

/// Ranks that train together in one process.
struct InMemoryRanks: Sendable {
  let layouts: [ShardLayout]
  private let statistics: MeetingPoint<Double>
  private let gradients: MeetingPoint<Float>

  init(batch: Int, shards: Int, ranks: Int) throws {
    layouts = try (0..<ranks).map {
      try ShardLayout(batch: batch, shards: shards, ranks: ranks, rank: $0)
    }
    statistics = MeetingPoint(ranks: ranks)
    gradients = MeetingPoint(ranks: ranks)
  }

  /// Runs `body` on a thread for each rank; the results by rank, or the first rank's error.
  func run<Result: Sendable>(
    _ body:
      @escaping @Sendable (_ layout: ShardLayout, _ exchange: InMemoryExchange) throws -> Result
  ) throws -> [Result] {
    let outcomes = Mutex<[Int: Swift.Result<Result, any Error>]>([:])
    try withThreads { rank in
      let layout = layouts[rank]
      let outcome = Swift.Result { try body(layout, InMemoryExchange(statistics)) }
      if case .failure = outcome {
        statistics.dismiss()
        gradients.dismiss()
      }
      outcomes.withLock { $0[rank] = outcome }
    }
    let results = outcomes.withLock { $0 }
    return try layouts.indices.map { try results[$0]!.get() }
  }

  private func withThreads(_ body: @escaping @Sendable (Int) -> Void) throws {
    let group = DispatchGroup()
    for rank in layouts.indices {
      group.enter()
      let thread = Thread {
        body(rank)
        group.leave()
      }
      thread.start()
    }
    group.wait()
  }

  /// Replaces every rank's weight gradients by the sum over all ranks' tree nodes, merged in the
  /// tree's order.
  func combineGradients(of replica: TrainingReplica) throws {
    var blocks: [Int: [Float]] = [:]
    var nodes: [Int: Range<Int>] = [:]
    for node in replica.gradientNodes { blocks[node.shards.lowerBound] = Array(node.weights) }
    let tree = layouts[0].tree
    for layout in layouts {
      for node in tree.nodes(covering: layout.localShards) { nodes[node.lowerBound] = node }
    }
    var all = try gradients.meet(blocks, width: replica.parameterLayout.weights.count)
    precondition(Set(all.keys) == Set(nodes.keys))
    for merge in tree.merges(above: nodes.values.sorted { $0.lowerBound < $1.lowerBound }) {
      let from = all[merge.from]!
      for index in from.indices { all[merge.into]![index] += from[index] }
    }
    let sum = all[0]!
    for index in replica.parameterLayout.weights { replica.gradients[index] = sum[index] }
  }
}
