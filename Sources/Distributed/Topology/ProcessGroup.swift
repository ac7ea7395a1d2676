/// The processes of a run: their communicators, and which of them share memory.

import MPI

/// All ranks of a run, with a communicator for each kind of traffic that may be under way at once.
package final class ProcessGroup {
  /// For control data: agreement, settings, parameters at the start.
  package let control: Communicator
  /// For per-layer statistics.
  let statistics: Communicator
  /// For gradients.
  let gradients: Communicator
  /// The ranks on this machine, this one included.
  package let local: Communicator
  /// All ranks by host.
  package let hosts: RankGroups
  /// This rank's host; nil for a rank alone on it.
  let host: Communicator?
  /// A slower network between hosts than there is.
  let network: EmulatedNetwork?
  /// Whether ranks of this machine take turns on its processors, so that a rank that waits must yield.
  package let isOversubscribed: Bool

  /// Collective over `world`.
  ///
  /// - Parameter hosts: which ranks are to share memory, for tests; nil: those that can.
  package init(world: Communicator = .world, hosts: RankGroups? = nil) throws {
    control = try world.duplicate()
    statistics = try world.duplicate()
    gradients = try world.duplicate()
    let machine = try world.splitBySharedMemory()
    local = try hosts.map { try machine.split(color: $0.group(of: world.rank)) } ?? machine
    self.hosts = try hosts ?? RankGroups(all: control, local: local)
    let size = self.hosts.groups[self.hosts.group(of: world.rank)].count
    host = size > 1 && size == local.size ? local : nil
    network = nil
    isOversubscribed = try ThreadAllocation.isOversubscribed(local: machine)
  }

  /// The same ranks, each as a host of its own on `network`.
  private init(_ group: ProcessGroup, on network: EmulatedNetwork) {
    control = group.control
    statistics = group.statistics
    gradients = group.gradients
    local = group.local
    hosts = RankGroups(sizes: Array(repeating: 1, count: group.count))
    host = nil
    self.network = network
    isOversubscribed = group.isOversubscribed
  }

  /// The same ranks, each as a host of its own on a slower network, for benchmarks.
  package func emulating(_ network: EmulatedNetwork) -> ProcessGroup {
    ProcessGroup(self, on: network)
  }

  package var rank: Int { control.rank }
  package var count: Int { control.size }
  /// Whether this is rank 0, which reports to the user and owns the run's files.
  package var isFirst: Bool { control.rank == 0 }

  /// Threads for this rank: see `ThreadAllocation`. Collective.
  package func threadsPerRank() throws -> Int { try ThreadAllocation.threads(local: local) }
}
