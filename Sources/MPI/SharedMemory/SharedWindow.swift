/// Memory that the processes of one host have in common.

internal import CMPI
import Glibc

/// Memory of which every rank of a communicator has a part, and which all of them can read.
///
/// What one rank writes another sees only in the order that atomics give (``Signal``). The memory
/// lives until MPI ends: `MPI_Win_free` waits for all ranks, so a rank that gives up would hang in it.
/// The corresponding MPI type is `MPI_Win`. Like a communicator, not `Sendable`.
public final class SharedWindow {
  /// The ranks that share the memory.
  public let communicator: Communicator
  private let handle: MPI_Win
  private let parts: [UnsafeMutableRawPointer]

  /// Allocates `bytes` zeroed bytes for each rank, from a cache line's start on.
  ///
  /// Collective over the communicator, whose ranks must be on one host
  /// (``Communicator/splitBySharedMemory()``). The corresponding MPI function is
  /// `MPI_Win_allocate_shared`.
  public init(_ communicator: Communicator, bytesPerRank bytes: Int) throws(MPIError) {
    let line = 64
    let size = (bytes + line - 1) / line * line + line
    var base: UnsafeMutableRawPointer?
    var window: MPI_Win? = shim_win_null()
    try check(
      MPI_Win_allocate_shared(
        size, 1, shim_info_null(), communicator.handle, &base, &window),
      "MPI_Win_allocate_shared")
    handle = window!
    self.communicator = communicator
    var parts: [UnsafeMutableRawPointer] = []
    for rank in 0..<communicator.size {
      var partSize: MPI_Aint = 0
      var unit: Int32 = 0
      var part: UnsafeMutableRawPointer?
      try check(
        MPI_Win_shared_query(handle, Int32(rank), &partSize, &unit, &part), "MPI_Win_shared_query")
      parts.append(part!.alignedUp(toMultipleOf: line))
    }
    self.parts = parts
    parts[communicator.rank].initializeMemory(as: UInt8.self, repeating: 0, count: size - line)
    try communicator.barrier()
  }

  /// Whether the host has shared memory left for a window of these sizes, the same on every rank.
  ///
  /// Containers often have 64 MiB of it (`docker run --shm-size`), and a window that does not fit kills
  /// its ranks when they touch it. Collective over the communicator.
  public static func fits(
    _ communicator: Communicator, bytesPerRank bytes: Int
  ) throws(MPIError) -> Bool {
    let wanted = try communicator.allReduce(bytes + 2 * 64, .sum)
    var system = statvfs()
    // Where Open MPI keeps windows on Linux (`osc_sm_backing_directory`).
    let isKnown = statvfs("/dev/shm", &system) == 0
    let free = isKnown ? Int(system.f_bavail) * Int(system.f_frsize) : Int.max
    return try communicator.allReduce(Int(free >= wanted ? 1 : 0), .min) == 1
  }

  /// The part of `rank`.
  public func part(of rank: Int) -> UnsafeMutableRawPointer {
    require(parts.indices.contains(rank), "rank \(rank) has no part in this window")
    return parts[rank]
  }
}
