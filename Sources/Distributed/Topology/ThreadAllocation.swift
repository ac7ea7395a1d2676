/// How many threads a rank may use, so that all ranks together never have more than the cores.

import Foundation
import MPI
import System

package enum ThreadAllocation {
  /// This machine's cores, whether or not this process may use them.
  package static var cores: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

  /// Whether this process is bound to some of the machine's processors.
  package static var isBound: Bool { allowedProcessors().count < cores }

  /// The processors that this process may run on, by number: `Cpus_allowed_list`, such as `0-3,8`.
  package static func allowedProcessors() -> Set<Int> {
    guard
      let line = ProcFile.text("/proc/self/status").firstMatch(
        of: /Cpus_allowed_list:\s*([0-9,\-]+)/)?.1
    else {
      return Set(0..<ProcessInfo.processInfo.activeProcessorCount)
    }
    var processors: Set<Int> = []
    for part in line.split(separator: ",") {
      let ends = part.split(separator: "-").compactMap { Int($0) }
      if let first = ends.first, let last = ends.last, first <= last {
        processors.formUnion(first...last)
      }
    }
    return processors
  }

  /// Threads for this rank: its processors, divided by the ranks of this machine that share them.
  ///
  /// `mpirun` binds ranks to single cores when there are two, to sockets when there are more, or not
  /// at all; the affinity mask says which.
  /// - Parameter local: this machine's ranks.
  package static func threads(local: Communicator) throws -> Int {
    let (processors, ranks) = try shares(local: local)
    return max(1, processors / max(1, ranks))
  }

  /// Whether ranks take turns on their processors.
  static func isOversubscribed(local: Communicator) throws -> Bool {
    let (processors, ranks) = try shares(local: local)
    return ranks > processors
  }

  /// This rank's processors, and the ranks of this machine that may run on any of them.
  private static func shares(local: Communicator) throws -> (processors: Int, ranks: Int) {
    let mine = allowedProcessors()
    let masks = try local.allGather(mine.sorted().map { String($0) }.joined(separator: ","))
    let sharing = masks.filter { mask in
      mask.split(separator: ",").contains { mine.contains(Int($0) ?? -1) }
    }
    return (mine.count, sharing.count)
  }
}
