/// A number in shared memory that processes read and write in no order.

import Synchronization

/// Eight bytes that are always read and written whole, and order no other memory: what a process shows
/// of itself to others that look now and then. For order there is ``Signal``.
public struct SharedWord {
  private let word: UnsafeMutablePointer<Atomic<UInt64>>

  /// - Parameter memory: eight zeroed bytes.
  init(at memory: UnsafeMutableRawPointer) {
    word = memory.assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  /// The value as this process sees it now.
  public var value: UInt64 {
    get { word.pointee.load(ordering: .relaxed) }
    nonmutating set { word.pointee.store(newValue, ordering: .relaxed) }
  }

  /// Sets the value and returns the one before; of several processes that do so, one gets the first.
  public func exchange(_ newValue: UInt64) -> UInt64 {
    word.pointee.exchange(newValue, ordering: .relaxed)
  }
}
