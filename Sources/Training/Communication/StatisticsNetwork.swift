/// The exchange of statistics between the leaders of hosts.

import MPI
import Networks
import Tensors

/// Gathers all hosts' pieces in one message a host, and merges them.
final class StatisticsNetwork {
  private let leaders: Communicator
  private let injected: InjectedNetwork?
  private let division: StatisticsDivision
  /// The first rank of each host.
  private let ranks: [Int]
  /// Pieces of each host.
  private let counts: [Int]
  /// What each host says, [host: place in the run, width, pieces × width numbers].
  private let messages: AlignedBuffer<Double>
  /// All hosts' pieces, then merged in place.
  private let received: AlignedBuffer<Double>
  private let merges: [StatisticsDivision.Merge]
  /// Where each group's result then stands, in pieces.
  private let places: [Int]
  /// The blocks of each width met so far.
  private var blocks: [Int: BlockLayout] = [:]

  /// Numbers before a host's pieces.
  private static let header = 2

  /// - Parameters:
  ///   - leaders: one rank of each host, in the order of hosts.
  ///   - ranks: their ranks among all.
  ///   - pieces: of each host.
  ///   - maximumWidth: numbers of a piece in the widest exchange.
  ///   - injected: a slower network than there is.
  init(
    _ leaders: Communicator, ranks: [Int], division: StatisticsDivision, pieces: [[Range<Int>]],
    maximumWidth: Int, injected: InjectedNetwork?
  ) {
    self.leaders = leaders
    self.injected = injected
    self.ranks = ranks
    self.division = division
    counts = pieces.map(\.count)
    let all = pieces.flatMap { $0 }
    received = AlignedBuffer(count: all.count * maximumWidth)
    messages = AlignedBuffer(count: all.count * maximumWidth + pieces.count * Self.header)
    merges = division.merges(of: all, to: division.groups)
    places = division.groups.map { group in
      all.firstIndex { $0.lowerBound == group.lowerBound }!
    }
  }

  /// Where this host's pieces are to be written before `combine`, [pieces, width].
  func ownPieces(width: Int) -> UnsafeMutablePointer<Double> {
    message(of: leaders.rank, width: width) + Self.header
  }

  private func message(of host: Int, width: Int) -> UnsafeMutablePointer<Double> {
    messages.pointer + counts[..<host].reduce(0, +) * width + host * Self.header
  }

  /// - Parameters:
  ///   - groups: [groups, width]; overwritten.
  ///   - place: where this rank is in the run.
  func combine(
    into groups: UnsafeMutablePointer<Double>, by rule: StatisticsRule, place: UInt64,
    idle: () throws -> Void
  ) throws {
    let width = rule.width
    let blocks = try blocks(ofWidth: width)
    let own = message(of: leaders.rank, width: width)
    own[0] = Double(bitPattern: place)
    own[1] = Double(width)
    var request = try leaders.iAllGatherV(
      inPlace: UnsafeMutableBufferPointer(start: messages.pointer, count: blocks.extent), blocks)
    let hosts = leaders.size
    // As many rounds as the usual algorithms take, and each host's numbers once over the link.
    let arrival =
      injected?.arrival(
        bytes: (hosts - 1) * blocks.count(of: leaders.rank) * MemoryLayout<Double>.stride,
        messages: Int.bitWidth - (hosts - 1).leadingZeroBitCount) ?? 0
    while try !request.test() || !injected.hasDelivered(arrival) { try idle() }
    try request.wait()
    var target = received.pointer
    for host in counts.indices {
      let message = message(of: host, width: width)
      guard message[0].bitPattern == place, message[1] == Double(width) else {
        throw RanksOutOfStep(
          rank: ranks[leaders.rank], own: "\(WhereaboutsPage.Place(word: place))",
          otherRank: ranks[host],
          other: "\(WhereaboutsPage.Place(word: message[0].bitPattern))")
      }
      target.update(from: message + Self.header, count: counts[host] * width)
      target += counts[host] * width
    }
    rule.merge(received.pointer, merges)
    for (group, place) in places.enumerated() {
      (groups + group * width).update(from: received.pointer + place * width, count: width)
    }
  }

  private func blocks(ofWidth width: Int) throws -> BlockLayout {
    if let known = blocks[width] { return known }
    let made = try BlockLayout(counts: counts.map { $0 * width + Self.header })
    blocks[width] = made
    return made
  }
}
