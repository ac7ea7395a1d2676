/// Numbers that every rank reads and that each host holds once.

import MPI
import Tensors

/// An array in the shared memory of each host, or of each rank where a host has too little of that.
///
/// One rank of those that share it writes it, then all read it.
package final class HostArray {
  /// [count]; rank-private or shared.
  package let elements: MutableVectorView<Float>
  /// Whether this rank is the one that writes `elements`.
  package let isWriter: Bool
  private let isOversubscribed: Bool
  private let control: Communicator
  /// Raised once the numbers are written; nil where each rank has its own.
  private let written: Signal?
  private let own: AlignedBuffer<Float>

  /// Takes the memory, zeroed. Collective.
  ///
  /// - Throws: `MPIError`.
  package init(count: Int, _ group: ProcessGroup) throws {
    isOversubscribed = group.isOversubscribed
    control = group.control
    if try Self.isShared(count, group) {
      isWriter = group.local.rank == 0
      let window = try SharedWindow(
        group.local, bytesPerRank: isWriter ? Self.sharedBytes(count) : 0)
      written = window.signal(of: 0)
      elements = MutableVectorView(
        window.elements(Float.self, of: 0, at: CacheLine.bytes, count: count))
      own = AlignedBuffer(count: 0)
    } else {
      isWriter = true
      written = nil
      own = AlignedBuffer(count: count)
      elements = own.view
    }
  }

  /// Bytes that this rank takes for an array. Collective.
  package static func bytes(count: Int, _ group: ProcessGroup) throws -> Int {
    guard try isShared(count, group) else { return count * MemoryLayout<Float>.stride }
    return group.local.rank == 0 ? sharedBytes(count) : 0
  }

  /// After the writer's last write and before anyone's first read; each rank calls it once.
  ///
  /// - Throws: `MPIError`.
  package func publish() throws {
    if isWriter {
      written?.raise(to: 1)
    } else {
      // The writer may wait for a message that this rank began to send.
      try written?.wait(for: 1, yields: isOversubscribed) { try control.progress() }
    }
  }

  private static func sharedBytes(_ count: Int) -> Int {
    CacheLine.bytes + count * MemoryLayout<Float>.stride
  }

  private static func isShared(_ count: Int, _ group: ProcessGroup) throws -> Bool {
    if group.local.size == 1 { return false }
    return try SharedWindow.fits(
      group.local, bytesPerRank: group.local.rank == 0 ? sharedBytes(count) : 0)
  }
}
