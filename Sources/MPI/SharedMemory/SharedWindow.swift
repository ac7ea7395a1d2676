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
  private let parts: [UnsafeMutableRawBufferPointer]

  /// Allocates `bytes` zeroed bytes for each rank, from a cache line's start on.
  ///
  /// Collective over the communicator, whose ranks must be on one host
  /// (``Communicator/splitBySharedMemory()``). The corresponding MPI function is
  /// `MPI_Win_allocate_shared`.
  public init(_ communicator: Communicator, bytesPerRank bytes: Int) throws(MPIError) {
    var base: UnsafeMutableRawPointer?
    var window: MPI_Win? = shim_win_null()
    try check(
      MPI_Win_allocate_shared(
        Self.partBytes(bytes), 1, shim_info_null(), communicator.handle, &base, &window),
      "MPI_Win_allocate_shared")
    handle = window!
    self.communicator = communicator
    var parts: [UnsafeMutableRawBufferPointer] = []
    for rank in 0..<communicator.size {
      var partSize: MPI_Aint = 0
      var unit: Int32 = 0
      var part: UnsafeMutableRawPointer?
      try check(
        MPI_Win_shared_query(handle, Int32(rank), &partSize, &unit, &part), "MPI_Win_shared_query")
      let start = part!.alignedUp(toMultipleOf: Self.line)
      parts.append(
        UnsafeMutableRawBufferPointer(start: start, count: Int(partSize) - (start - part!)))
    }
    self.parts = parts
    _ = parts[communicator.rank].initializeMemory(as: UInt8.self, repeating: 0)
    try communicator.barrier()
  }

  private static let line = 64

  /// Bytes of a rank's part of a window, from whose first whole cache line on `bytes` are used.
  private static func partBytes(_ bytes: Int) -> Int { (bytes + line - 1) / line * line + line }

  /// Whether the host has shared memory left for a window of these sizes, the same on every rank.
  ///
  /// Containers often have 64 MiB of it (`docker run --shm-size`), and a window that does not fit kills
  /// its ranks when they touch it. Collective over the communicator.
  public static func fits(
    _ communicator: Communicator, bytesPerRank bytes: Int
  ) throws(MPIError) -> Bool {
    let wanted = try communicator.allReduce(partBytes(bytes), .sum)
    var system = statvfs()
    // Where Open MPI keeps windows on Linux (`osc_sm_backing_directory`).
    let isKnown = statvfs("/dev/shm", &system) == 0
    let free = isKnown ? Int(system.f_bavail) * Int(system.f_frsize) : Int.max
    return try communicator.allReduce(Int(free >= wanted ? 1 : 0), .min) == 1
  }

  /// Elements in the part of `rank`.
  ///
  /// - Parameters:
  ///   - rank: of ``communicator``.
  ///   - offset: bytes before the first element, a multiple of the type's alignment.
  ///   - count: of elements; the part must hold them.
  public func elements<Element: BitwiseCopyable>(
    _ type: Element.Type, of rank: Int, at offset: Int = 0, count: Int
  ) -> UnsafeMutableBufferPointer<Element> {
    UnsafeMutableBufferPointer(
      start: address(
        of: rank, at: offset, bytes: count * MemoryLayout<Element>.stride,
        alignment: MemoryLayout<Element>.alignment
      ).assumingMemoryBound(to: Element.self), count: count)
  }

  /// A signal in the eight bytes at `offset` in the part of `rank`, at best alone in their cache line.
  public func signal(of rank: Int, at offset: Int = 0) -> Signal {
    Signal(at: address(of: rank, at: offset, bytes: 8, alignment: 8))
  }

  /// A word in the eight bytes at `offset` in the part of `rank`.
  public func word(of rank: Int, at offset: Int = 0) -> SharedWord {
    SharedWord(at: address(of: rank, at: offset, bytes: 8, alignment: 8))
  }

  private func address(
    of rank: Int, at offset: Int, bytes: Int, alignment: Int
  ) -> UnsafeMutableRawPointer {
    require(parts.indices.contains(rank), "rank \(rank) has no part in this window")
    require(
      offset >= 0 && offset % alignment == 0 && offset + bytes <= parts[rank].count,
      "\(bytes) bytes at \(offset) are not in a part of \(parts[rank].count) bytes")
    return parts[rank].baseAddress! + offset
  }
}
