/// What a layer needs from the other ranks: every shard's statistics, in shard order.

/// Gathers small per-shard statistics from all ranks.
///
/// `Networks` knows nothing of how ranks talk: `Training` implements this over MPI, tests in memory.
public protocol StatisticsExchange: AnyObject {
  /// Collects `width` numbers of each shard.
  ///
  /// Every rank calls this in the same order with the same `width`.
  /// - Parameters:
  ///   - local: [local shards, width], this rank's shards in order.
  ///   - all: [shards, width]; overwritten with every shard's numbers, the same on all ranks.
  func allGather(
    _ local: UnsafeBufferPointer<Double>, width: Int, into all: UnsafeMutableBufferPointer<Double>)
    throws
}

/// The exchange of a rank that holds every shard itself.
public final class SoleRankExchange: StatisticsExchange {
  public init() {}

  public func allGather(
    _ local: UnsafeBufferPointer<Double>, width: Int, into all: UnsafeMutableBufferPointer<Double>
  ) {
    precondition(local.count == all.count, "a sole rank holds every shard")
    _ = all.update(fromContentsOf: local)
  }
}
