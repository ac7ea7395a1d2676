/// A number in shared memory that one process raises and others wait for.

import Glibc
import Synchronization

/// A counter that orders memory: what was written before ``raise(to:)`` is seen after
/// ``wait(for:yields:progress:)``.
public struct Signal {
  private let counter: UnsafeMutablePointer<Atomic<UInt64>>

  /// - Parameter memory: eight zeroed bytes, at best alone in their cache line.
  public init(at memory: UnsafeMutableRawPointer) {
    counter = memory.assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  /// Raises the counter; only its owner may.
  public func raise(to value: UInt64) { counter.pointee.store(value, ordering: .releasing) }

  /// Whether the counter is at least `value`.
  public func hasReached(_ value: UInt64) -> Bool {
    counter.pointee.load(ordering: .acquiring) >= value
  }

  /// Returns once the counter is at least `value`.
  ///
  /// - Parameters:
  ///   - value: what the owner raises the counter to.
  ///   - yields: whether to yield the core while waiting, because the owner may need it.
  ///   - progress: called now and then, to let other communication advance.
  public func wait<Failure>(
    for value: UInt64, yields: Bool, progress: () throws(Failure) -> Void
  ) throws(Failure) {
    var turns = 0
    while !hasReached(value) {
      turns += 1
      if yields || turns > Self.patience { sched_yield() }
      if turns % Self.turnsBetweenProgress == 0 { try progress() }
    }
  }

  /// Turns (about 10 ms) after which the owner is taken to need this core.
  private static let patience = 1 << 20
  private static let turnsBetweenProgress = 1 << 10
}
