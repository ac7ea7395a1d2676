/// An exchange of statistics over shared memory in a host and messages between hosts.

import Glibc
import MPI
import Networks
import Tensors

/// Ranks of a host see each other's numbers in shared memory, in a microsecond instead of a message's
/// ten; one rank of each host, its leader, exchanges the host's with the other leaders.
///
/// On one host every rank merges what all have written. Each rank has two slots that alternate: a rank
/// that writes for exchange n has seen all others at n − 1, so they have read what it wrote for n − 2.
/// Between hosts the leader merges its host's pieces, exchanges them with the other leaders
/// (`StatisticsNetwork`) and writes the result for the others.
package final class HostStatisticsExchange: StatisticsExchange {
  private let progress: CommunicationProgress
  private let rankProgress: RankProgress?
  /// BN groups of these ranks.
  private let groups: Range<Int>
  private let division: NormalizationGroups
  /// The rank that leads the host.
  private let leader: Int
  /// Widest exchange.
  private let maximumWidth: Int
  private let yieldsWhileWaiting: Bool
  /// This rank's index in its host.
  private let index: Int
  /// Pieces of the ranks before each one; the last is of all.
  private let firstPieces: [Int]
  private let window: SharedWindow?
  /// Numbers of a slot.
  private let capacity: Int
  private let signals: [Signal]
  /// Raised by the leader when the result is written; nil on one host.
  private let result: Signal?
  /// All of the host's pieces, merged in place.
  private let gathered: AlignedBuffer<Double>
  private let hostMerges: [NormalizationGroups.Merge]
  private let resultSlots: [Int]
  /// Whether these ranks are on several hosts.
  private let spansHosts: Bool
  /// The leader's way to the other hosts; nil on one host and on other ranks.
  private let network: (any StatisticsNetwork)?
  /// What comes over the network, [groups, width].
  private let merged: AlignedBuffer<Double>
  private var round: UInt64 = 0

  /// Collective over the ranks that exchange.
  ///
  /// - Parameters:
  ///   - communicator: these ranks; used for nothing else.
  ///   - ranks: which they are among all: one of the division's clusters, or several.
  ///   - group: those of this rank's host, in the same order; nil for a rank alone.
  ///   - hosts: of all ranks.
  ///   - maximumWidth: numbers of a shard in the widest exchange.
  ///   - yieldsWhileWaiting: whether ranks take turns on their processors.
  ///   - progress: what advances while this rank waits for ranks of its host. Polled on a single host
  ///     only: between hosts, numbers are on their way meanwhile.
  ///   - rankProgress: notified which rank this one waits for; nil does not detect ranks out of step.
  ///   - emulated: a slower network between hosts than there is.
  /// - Throws: `MPIError`.
  package init(
    _ communicator: Communicator, of ranks: Range<Int>, group: Communicator?, hosts: RankGroups,
    division: NormalizationGroups, maximumWidth: Int, yieldsWhileWaiting: Bool,
    progress: CommunicationProgress, rankProgress: RankProgress? = nil,
    emulated: EmulatedNetwork? = nil
  ) throws {
    let layout = division.layout
    precondition(
      communicator.size == ranks.count && hosts.ranks == layout.ranks,
      "the layout is for other ranks")
    self.progress = progress
    self.rankProgress = rankProgress
    self.division = division
    self.maximumWidth = maximumWidth
    self.yieldsWhileWaiting = yieldsWhileWaiting
    let hosts = hosts.groups.map { $0.clamped(to: ranks) }.filter { !$0.isEmpty }
    let host = hosts.firstIndex { $0.contains(layout.rank) }!
    let members = hosts[host]
    precondition((group?.size ?? 1) == members.count, "the group is another one")
    leader = members.lowerBound
    index = layout.rank - members.lowerBound
    spansHosts = hosts.count > 1
    groups = division.groups(of: layout.shards(ofRanks: ranks))

    let pieces = members.map { division.pieces(ofRank: $0) }
    firstPieces = pieces.reduce(into: [0]) { $0.append($0.last! + $1.count) }
    let hostPieces = hosts.map { division.pieces(of: layout.shards(ofRanks: $0)) }
    let all = pieces.flatMap { $0 }
    gathered = AlignedBuffer(count: all.count * maximumWidth)
    let targets = spansHosts ? hostPieces[host] : Array(division.groups[division.localGroups])
    hostMerges = division.merges(of: all, to: targets)
    resultSlots = targets.map { target in all.firstIndex { $0.lowerBound == target.lowerBound }! }

    let longest = max(pieces.map(\.count).max()!, spansHosts ? groups.count : 0)
    capacity = longest * maximumWidth
    if let group, group.size > 1 {
      let bytes = 2 * CacheLine.bytes + 2 * Self.slotBytes(capacity)
      let window = try SharedWindow(group, bytesPerRank: bytes)
      signals = (0..<group.size).map { window.signal(of: $0) }
      result = spansHosts ? window.signal(of: 0, at: CacheLine.bytes) : nil
      self.window = window
    } else {
      window = nil
      signals = []
      result = nil
    }
    let isLeader = spansHosts && index == 0
    merged = AlignedBuffer(count: isLeader ? groups.count * maximumWidth : 0)
    let leaders = try communicator.split(color: isLeader ? 0 : nil)
    network = leaders.map { [groups] in
      StatisticsHosts(
        leaders: $0, ranks: hosts.map(\.lowerBound), division: division,
        groups: Array(division.groups[groups]), pieces: hostPieces, maximumWidth: maximumWidth,
        emulated: emulated
      ).network()
    }
  }

  /// Bytes of a slot: a cache line with the header, then the numbers.
  private static func slotBytes(_ capacity: Int) -> Int {
    CacheLine.bytes + CacheLine.whole(floats: 2 * capacity) * MemoryLayout<Float>.stride
  }

  // MARK: An exchange

  /// What `index` writes for this exchange: its stamp and the numbers.
  private func slot(
    of index: Int
  ) -> (header: MutableVectorView<UInt64>, numbers: MutableVectorView<Double>) {
    let start = 2 * CacheLine.bytes + Int(round % 2) * Self.slotBytes(capacity)
    return (
      MutableVectorView(
        window!.elements(
          UInt64.self, of: index, at: start, count: ExchangeStamp.count)),
      MutableVectorView(
        window!.elements(
          Double.self, of: index, at: start + CacheLine.bytes, count: capacity))
    )
  }

  /// Shows the group numbers of shards that have `width` each.
  private func show(_ numbers: VectorView<Double>, width: Int) {
    let slot = slot(of: index)
    stamp(width).write(to: slot.header)
    slot.numbers.update(from: numbers)
  }

  /// The numbers of `other`, once it has written them.
  private func numbers(
    of other: Int, width: Int, after signal: Signal
  ) throws -> VectorView<Double> {
    if !signal.hasReached(round) {
      try signal.wait(for: round, yields: yieldsWhileWaiting) {
        rankProgress?.beginWait(for: leader + other, numbers: width)
        // What this rank has sent may still be on its way, and `other` may wait for its arrival.
        try progress.deliver()
        if !spansHosts { try progress.poll() }
      }
      rankProgress?.endWait()
    }
    let slot = slot(of: other)
    try stamp(width).check(
      ExchangeStamp(slot.header), ofRank: leader + other, rank: leader + index)
    return VectorView(slot.numbers)
  }

  private func stamp(_ width: Int) -> ExchangeStamp {
    ExchangeStamp(position: rankProgress?.word ?? 0, width: width)
  }

  package func combine(
    _ pieces: VectorView<Double>, into groups: MutableVectorView<Double>,
    by rule: StatisticsRule
  ) throws {
    let width = rule.width
    precondition(width <= maximumWidth, "statistics are wider than planned")
    round += 1
    let count = (firstPieces[index + 1] - firstPieces[index]) * width
    if let result, index > 0 {
      show(pieces[0..<count], width: width)
      signals[index].raise(to: round)
      takeLocal(try numbers(of: 0, width: width, after: result), width, into: groups)
      return
    }
    gathered.view[(firstPieces[index] * width)...].update(from: pieces[0..<count])
    if window != nil { try gather(width) }
    rule.merge(gathered.view, hostMerges)
    guard let network else {
      for (group, slot) in resultSlots.enumerated() {
        groups.row(group, width: width).update(from: gathered.view.row(slot, width: width))
      }
      return
    }
    for (piece, slot) in resultSlots.enumerated() {
      network.ownPieces(width: width).row(piece, width: width)
        .update(from: gathered.view.row(slot, width: width))
    }
    try network.combine(into: merged.view, by: rule, position: rankProgress?.word ?? 0) {
      rankProgress?.beginWait(for: nil, numbers: width)
    }
    rankProgress?.endWait()
    if let result {
      show(VectorView(merged.view[0..<self.groups.count * width]), width: width)
      result.raise(to: round)
    }
    takeLocal(VectorView(merged.view), width, into: groups)
  }

  /// This rank's of the groups of all.
  private func takeLocal(
    _ all: VectorView<Double>, _ width: Int, into groups: MutableVectorView<Double>
  ) {
    let local = division.localGroups
    let first = (local.lowerBound - self.groups.lowerBound) * width
    groups.update(from: all[first..<first + local.count * width])
  }

  /// Collects the other ranks' pieces, and shows them this rank's on one host.
  private func gather(_ width: Int) throws {
    if !spansHosts {
      let own = firstPieces[index] * width..<firstPieces[index + 1] * width
      show(VectorView(gathered.view[own]), width: width)
      signals[index].raise(to: round)
    }
    for other in signals.indices where other != index {
      let range = firstPieces[other] * width..<firstPieces[other + 1] * width
      let numbers = try numbers(of: other, width: width, after: signals[other])
      gathered.view[range].update(from: numbers[0..<range.count])
    }
  }
}
