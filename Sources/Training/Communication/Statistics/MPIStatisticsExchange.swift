/// The statistics exchange of `Networks` over MPI.

import MPI
import Networks

/// One all-gather of all ranks' shards for each call.
public final class MPIStatisticsExchange: StatisticsExchange {
  private let communicator: Communicator
  private let layout: ShardLayout
  /// The blocks of each width met so far; empty where all ranks hold equally many shards.
  private var blocks: [Int: BlockLayout] = [:]

  /// - Parameters:
  ///   - communicator: used for nothing else.
  ///   - layout: tells how many shards each rank holds.
  public init(_ communicator: Communicator, layout: ShardLayout) {
    self.communicator = communicator
    self.layout = layout
  }

  public func allGather(
    _ local: UnsafeBufferPointer<Double>, width: Int, into all: UnsafeMutableBufferPointer<Double>
  ) throws {
    if layout.ranks == 1 {
      _ = all.update(fromContentsOf: local)
    } else if layout.isEven {
      try communicator.allGather(local, into: all)
    } else {
      try communicator.allGatherV(local, into: all, blocks(ofWidth: width))
    }
  }

  private func blocks(ofWidth width: Int) throws -> BlockLayout {
    if let known = blocks[width] { return known }
    let made = try BlockLayout(
      counts: (0..<layout.ranks).map { layout.shards(ofRank: $0).count * width })
    blocks[width] = made
    return made
  }
}
