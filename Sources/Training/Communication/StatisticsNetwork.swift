/// The exchange of statistics between the leaders of hosts.

import MPI
import Networks
import Tensors

/// Gathers all hosts' pieces in one message a host, and merges them.
final class StatisticsNetwork {
  private let leaders: Communicator
  private let division: StatisticsDivision
  /// Pieces of each host.
  private let counts: [Int]
  /// All hosts' pieces, then merged in place.
  private let received: AlignedBuffer<Double>
  private let merges: [StatisticsDivision.Merge]
  /// Where each group's result then stands, in pieces.
  private let places: [Int]
  /// The blocks of each width met so far.
  private var blocks: [Int: BlockLayout] = [:]

  /// - Parameters:
  ///   - leaders: one rank of each host, in the order of hosts.
  ///   - pieces: of each host.
  ///   - maximumWidth: numbers of a piece in the widest exchange.
  init(
    _ leaders: Communicator, division: StatisticsDivision, pieces: [[Range<Int>]],
    maximumWidth: Int
  ) {
    self.leaders = leaders
    self.division = division
    counts = pieces.map(\.count)
    let all = pieces.flatMap { $0 }
    received = AlignedBuffer(count: all.count * maximumWidth)
    merges = division.merges(of: all, to: division.groups)
    places = division.groups.map { group in
      all.firstIndex { $0.lowerBound == group.lowerBound }!
    }
  }

  /// Where this host's pieces are to be written before `combine`, [pieces, width].
  func ownPieces(width: Int) -> UnsafeMutablePointer<Double> {
    received.pointer + counts[..<leaders.rank].reduce(0, +) * width
  }

  /// - Parameter groups: [groups, width]; overwritten.
  func combine(
    into groups: UnsafeMutablePointer<Double>, by rule: StatisticsRule, idle: () throws -> Void
  ) throws {
    let width = rule.width
    let blocks = try blocks(ofWidth: width)
    var request = try leaders.iAllGatherV(
      inPlace: UnsafeMutableBufferPointer(start: received.pointer, count: blocks.extent), blocks)
    while try !request.test() { try idle() }
    try request.wait()
    rule.merge(received.pointer, merges)
    for (group, place) in places.enumerated() {
      (groups + group * width).update(from: received.pointer + place * width, count: width)
    }
  }

  private func blocks(ofWidth width: Int) throws -> BlockLayout {
    if let known = blocks[width] { return known }
    let made = try BlockLayout(counts: counts.map { $0 * width })
    blocks[width] = made
    return made
  }
}
