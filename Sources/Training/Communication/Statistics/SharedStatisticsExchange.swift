/// The statistics exchange of `Networks` through memory that all ranks share.

import Glibc
import MPI
import Networks

/// Each rank writes its shards' numbers to a place of its own and reads those of the others: a
/// microsecond instead of a message's ten.
///
/// Two places for each rank take turns. A rank that writes for exchange n has seen all others at n − 1,
/// so they have read what it wrote for n − 2.
public final class SharedStatisticsExchange: StatisticsExchange {
  /// The window's ranks are the layout's.
  private let window: SharedWindow
  private let layout: ShardLayout
  /// For numbers that do not fit.
  private let messages: MPIStatisticsExchange
  private let maximumWidth: Int
  /// Numbers of a place.
  private let capacity: Int
  private let signals: [Signal]
  private let yields: Bool
  private var round: UInt64 = 0

  private static let signalBytes = 64

  /// Collective over `communicator`.
  ///
  /// - Parameters:
  ///   - communicator: ranks of one host, used for nothing else.
  ///   - layout: tells how many shards each rank holds.
  ///   - yields: whether ranks have to take turns on their processors.
  ///   - maximumWidth: numbers of a shard that are worth the memory.
  public init(
    _ communicator: Communicator, layout: ShardLayout, yields: Bool, maximumWidth: Int = 4096
  ) throws {
    let shards = (0..<layout.ranks).map { layout.shards(ofRank: $0).count }.max() ?? 0
    self.maximumWidth = maximumWidth
    capacity = shards * maximumWidth
    window = try SharedWindow(
      communicator,
      bytesPerRank: Self.signalBytes + 2 * capacity * MemoryLayout<Double>.stride)
    signals = (0..<communicator.size).map { [window] in Signal(at: window.part(of: $0)) }
    messages = MPIStatisticsExchange(communicator, layout: layout)
    self.yields = yields
    self.layout = layout
  }

  private func place(ofRank rank: Int) -> UnsafeMutablePointer<Double> {
    let first = (window.part(of: rank) + Self.signalBytes).assumingMemoryBound(to: Double.self)
    return first + Int(round % 2) * capacity
  }

  public func allGather(
    _ local: UnsafeBufferPointer<Double>, width: Int, into all: UnsafeMutableBufferPointer<Double>
  ) throws {
    guard width <= maximumWidth else {
      return try messages.allGather(local, width: width, into: all)
    }
    let rank = window.communicator.rank
    round += 1
    if let numbers = local.baseAddress {
      place(ofRank: rank).update(from: numbers, count: local.count)
    }
    signals[rank].raise(to: round)
    for other in 0..<layout.ranks {
      try signals[other].wait(for: round, yields: yields) {
        try window.communicator.progress()
      }
      let shards = layout.shards(ofRank: other)
      (all.baseAddress! + shards.lowerBound * width).update(
        from: place(ofRank: other), count: shards.count * width)
    }
  }
}
