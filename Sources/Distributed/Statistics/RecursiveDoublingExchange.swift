/// Statistics of hosts that hold neighbouring nodes of one perfect tree.

import MPI
import Networks
import Tensors

/// Recursive doubling, nearest hosts first: at distance 1, 2, 4 … both of a pair send what they have
/// merged so far, and both merge the two.
///
/// log₂ of the hosts messages of one piece each, where `AllGatherExchange` sends a piece for each host.
package final class RecursiveDoublingExchange: StatisticsNetwork {
  private struct Round {
    let partner: Int
    /// Whether this host holds the left child.
    let isLeft: Bool
    let merge: NormalizationGroups.Merge
  }

  private let hosts: StatisticsHosts
  private let rounds: [Round]
  /// What is sent and what is received in each round: a header, then a piece.
  private let outgoing: AlignedBuffer<Double>
  private let incoming: AlignedBuffer<Double>
  /// The two children of a node, [2, width].
  private let children: AlignedBuffer<Double>
  private var requests = RequestSet()

  /// What a message begins with: its sender's stamp, and a rank that has another one than those that have
  /// met so far, with its stamp; −1 for none.
  private struct Header {
    static let count = 2 * ExchangeStamp.count + 1

    let stamp: ExchangeStamp
    var stray: (rank: Int, stamp: ExchangeStamp)?

    init(_ stamp: ExchangeStamp) { self.stamp = stamp }

    init(from message: MutableVectorView<Double>) {
      stamp = ExchangeStamp(message)
      let rank = message[ExchangeStamp.count]
      if rank >= 0 { stray = (Int(rank), ExchangeStamp(message[(ExchangeStamp.count + 1)...])) }
    }

    func write(to message: MutableVectorView<Double>) {
      stamp.write(to: message)
      message[ExchangeStamp.count] = stray.map { Double($0.rank) } ?? -1
      (stray?.stamp ?? stamp).write(to: message[(ExchangeStamp.count + 1)...])
    }
  }

  /// - Parameter hosts: for which `PerfectHostTree` holds, with one BN group.
  init(_ hosts: StatisticsHosts) {
    self.hosts = hosts
    let pieces = hosts.pieces.map { $0[0] }
    let own = hosts.leaders.rank
    rounds = (0..<pieces.count.trailingZeroBitCount).map { level in
      let first = own - own % (2 << level)
      let middle = first + 1 << level
      let left = pieces[first].lowerBound..<pieces[middle].lowerBound
      let right = left.upperBound..<pieces[middle + 1 << level - 1].upperBound
      let merges = hosts.division.merges(
        of: [left, right], to: [left.lowerBound..<right.upperBound])
      return Round(partner: own ^ 1 << level, isLeft: own < middle, merge: merges[0])
    }
    outgoing = AlignedBuffer(count: Self.numbers(width: hosts.maximumWidth))
    incoming = AlignedBuffer(count: Self.numbers(width: hosts.maximumWidth))
    children = AlignedBuffer(count: 2 * hosts.maximumWidth)
  }

  /// Numbers of a message.
  package static func numbers(width: Int) -> Int { Header.count + width }

  func ownPieces(width: Int) -> MutableVectorView<Double> { children.view }

  func combine(
    into groups: MutableVectorView<Double>, by rule: StatisticsRule, position: UInt64,
    whileWaiting: () -> Void
  ) throws {
    let width = rule.width
    let (left, right) = (children.view.row(0, width: width), children.view.row(1, width: width))
    let stamp = ExchangeStamp(position: position, width: width)
    var header = Header(stamp)
    for (tag, round) in rounds.enumerated() {
      header.write(to: outgoing.view)
      outgoing.view[Header.count...].update(from: left)
      try exchange(width: width, with: round.partner, tag: tag, whileWaiting: whileWaiting)
      let other = Header(from: incoming.view)
      // The others have yet to hear of it, so the rounds continue.
      if header.stray == nil {
        header.stray =
          other.stamp == stamp ? other.stray : (hosts.ranks[round.partner], other.stamp)
      }
      let received = incoming.view[Header.count..<Header.count + width]
      if round.isLeft {
        right.update(from: received)
      } else {
        right.update(from: left)
        left.update(from: received)
      }
      rule.merge(children.view, [round.merge])
    }
    if let stray = header.stray {
      try stamp.check(
        stray.stamp, ofRank: stray.rank, rank: hosts.ranks[hosts.leaders.rank])
    }
    groups.update(from: left)
  }

  /// Sends `outgoing` and receives `incoming`.
  private func exchange(
    width: Int, with partner: Int, tag: Int, whileWaiting: () -> Void
  ) throws {
    let count = Self.numbers(width: width)
    requests.insert(
      try hosts.leaders.iReceive(
        into: incoming.view[0..<count].elements, from: partner, tag: tag))
    requests.insert(
      try hosts.leaders.iSend(
        VectorView(outgoing.view)[0..<count].elements, to: partner, tag: tag))
    let arrival = hosts.emulated?.arrival(bytes: count * MemoryLayout<Double>.stride) ?? 0
    while try !requests.testAll() || !hosts.emulated.hasDelivered(arrival) { whileWaiting() }
  }
}
