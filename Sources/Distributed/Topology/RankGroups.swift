/// Which ranks share memory.

import MPI

/// The ranks of a run, divided into groups of neighbours that share memory: the hosts.
///
/// Where a host's ranks are not neighbours (`mpirun --map-by node`), each rank is a group of its own:
/// sums would otherwise leave the tree's order.
package struct RankGroups: Equatable, Sendable {
  package let groups: [Range<Int>]

  /// - Parameter sizes: ranks of each group, from rank 0 on.
  package init(sizes: [Int]) {
    precondition(sizes.allSatisfy { $0 > 0 }, "a group has ranks")
    var first = 0
    groups = sizes.map { size in
      defer { first += size }
      return first..<first + size
    }
  }

  /// The groups of hosts. Collective over both communicators.
  ///
  /// - Parameters:
  ///   - all: all ranks.
  ///   - local: those of this rank's host, in the same order.
  package init(all: Communicator, local: Communicator) throws {
    let host = try local.allGather(all.rank)
    let first = try all.allGather(host[0])
    let isContiguous = host[host.count - 1] - host[0] == host.count - 1
    guard try all.allGather(Int(isContiguous ? 1 : 0)).allSatisfy({ $0 == 1 }) else {
      self.init(sizes: Array(repeating: 1, count: all.size))
      return
    }
    let starts = first.indices.filter { first[$0] == $0 }
    let sizes = starts.indices.map {
      ($0 + 1 < starts.count ? starts[$0 + 1] : all.size) - starts[$0]
    }
    self.init(sizes: sizes)
  }

  package var ranks: Int { groups.last!.upperBound }

  /// The group of `rank`.
  package func group(of rank: Int) -> Int { groups.firstIndex { $0.contains(rank) }! }
}
