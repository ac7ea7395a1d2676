/// Statistics of hosts that hold any pieces of any BN groups.

import MPI
import Networks
import Tensors

/// Gathers all hosts' pieces in one message a host, and merges them.
package final class AllGatherExchange: StatisticsNetwork {
  private let hosts: StatisticsHosts
  /// Pieces of each host.
  private let counts: [Int]
  /// Each host's message, [host: stamp, pieces × width numbers].
  private let messages: AlignedBuffer<Double>
  /// All hosts' pieces, merged in place.
  private let received: AlignedBuffer<Double>
  private let merges: [NormalizationGroups.Merge]
  /// The piece at which each group's result is after the merges.
  private let resultSlots: [Int]
  /// The blocks of each width met so far.
  private var blocks: [Int: BlockLayout] = [:]

  init(_ hosts: StatisticsHosts) {
    self.hosts = hosts
    let division = hosts.division
    counts = hosts.pieces.map(\.count)
    let all = hosts.pieces.flatMap(\.self)
    received = AlignedBuffer(count: all.count * hosts.maximumWidth)
    messages = AlignedBuffer(
      count: all.count * hosts.maximumWidth + counts.count * ExchangeStamp.count)
    merges = division.merges(of: all, to: hosts.groups)
    resultSlots = hosts.groups.map { group in
      all.firstIndex { $0.lowerBound == group.lowerBound }!
    }
  }

  /// Numbers of a host's message.
  package static func numbers(pieces: Int, width: Int) -> Int {
    ExchangeStamp.count + pieces * width
  }

  func ownPieces(width: Int) -> MutableVectorView<Double> {
    message(of: hosts.leaders.rank, width: width)[ExchangeStamp.count...]
  }

  private func message(of host: Int, width: Int) -> MutableVectorView<Double> {
    let first = counts[..<host].reduce(0, +) * width + host * ExchangeStamp.count
    return messages.view[first..<first + Self.numbers(pieces: counts[host], width: width)]
  }

  func combine(
    into groups: MutableVectorView<Double>, by rule: StatisticsRule, position: UInt64,
    whileWaiting: () -> Void
  ) throws {
    let width = rule.width
    let blocks = try blocks(ofWidth: width)
    let stamp = ExchangeStamp(position: position, width: width)
    stamp.write(to: message(of: hosts.leaders.rank, width: width))
    var request = try hosts.leaders.iAllGatherV(
      inPlace: messages.view[0..<blocks.extent].elements, blocks)
    let others = counts.count - 1
    // As many rounds as the usual algorithms take, and each host's numbers once over the link.
    let arrival =
      hosts.emulated?.arrival(
        bytes: others * blocks.count(of: hosts.leaders.rank) * MemoryLayout<Double>.stride,
        messages: Int.bitWidth - others.leadingZeroBitCount) ?? 0
    while try !request.test() || !hosts.emulated.hasDelivered(arrival) { whileWaiting() }
    try request.wait()
    var piece = 0
    for host in counts.indices {
      let message = message(of: host, width: width)
      try stamp.check(
        ExchangeStamp(message), ofRank: hosts.ranks[host], rank: hosts.ranks[hosts.leaders.rank])
      received.view[(piece * width)...].update(from: message[ExchangeStamp.count...])
      piece += counts[host]
    }
    rule.merge(received.view, merges)
    for (group, slot) in resultSlots.enumerated() {
      groups.row(group, width: width).update(from: received.view.row(slot, width: width))
    }
  }

  private func blocks(ofWidth width: Int) throws -> BlockLayout {
    if let known = blocks[width] { return known }
    let made = try BlockLayout(counts: counts.map { Self.numbers(pieces: $0, width: width) })
    blocks[width] = made
    return made
  }
}
