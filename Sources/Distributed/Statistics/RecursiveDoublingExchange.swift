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

  /// What a message begins with: where its sender is in the run, and a rank that is somewhere else
  /// than one of those that have met so far, with its position; −1 for none.
  private struct Header {
    static let count = 3

    var position: UInt64
    var strayRank: Int?
    var strayPosition: UInt64 = 0

    init(position: UInt64) { self.position = position }

    init(from message: MutableVectorView<Double>) {
      position = message[0].bitPattern
      strayRank = message[1] < 0 ? nil : Int(message[1])
      strayPosition = message[2].bitPattern
    }

    func write(to message: MutableVectorView<Double>) {
      message[0] = Double(bitPattern: position)
      message[1] = strayRank.map(Double.init) ?? -1
      message[2] = Double(bitPattern: strayPosition)
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
    var header = Header(position: position)
    for (tag, round) in rounds.enumerated() {
      header.write(to: outgoing.view)
      outgoing.view[Header.count...].update(from: left)
      try exchange(width: width, with: round.partner, tag: tag, whileWaiting: whileWaiting)
      let other = Header(from: incoming.view)
      // The others have yet to hear of it, so the rounds continue.
      if header.strayRank == nil {
        if other.position != position {
          header.strayRank = hosts.ranks[round.partner]
          header.strayPosition = other.position
        } else if other.strayPosition != position {
          header.strayRank = other.strayRank
          header.strayPosition = other.strayPosition
        }
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
    if let stray = header.strayRank {
      throw RanksOutOfStep(
        rank: hosts.ranks[hosts.leaders.rank], own: "\(ProgressPage.Position(word: position))",
        otherRank: stray, other: "\(ProgressPage.Position(word: header.strayPosition))")
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
