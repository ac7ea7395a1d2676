/// Decoded images kept in memory from their first use on, shared by all threads.

import Synchronization

/// One buffer for all images of a source and a state per image.
///
/// A buffer's pages take memory only once an image is stored in them.
///
/// Unchecked `Sendable`: an image's bytes are written by the one thread that moved its state from
/// `empty` to `storing`, and read only after that thread released `stored`.
final class DecodedImages: @unchecked Sendable {
  private enum State {
    static let empty: UInt8 = 0
    static let storing: UInt8 = 1
    static let stored: UInt8 = 2
  }

  private let count: Int
  private let imageLength: Int
  private let bytes: UnsafeMutableBufferPointer<UInt8>
  private let states: UnsafeMutablePointer<Atomic<UInt8>>

  init(count: Int, imageLength: Int) {
    (self.count, self.imageLength) = (count, imageLength)
    bytes = .allocate(capacity: count * imageLength)
    states = .allocate(capacity: count)
    for index in 0..<count { (states + index).initialize(to: Atomic(State.empty)) }
  }

  deinit {
    bytes.deallocate()
    states.deinitialize(count: count)
    states.deallocate()
  }

  /// Copies an image out, if it is stored.
  func load(_ index: Int, into pixels: UnsafeMutableBufferPointer<UInt8>) -> Bool {
    precondition((0..<count).contains(index) && pixels.count == imageLength)
    guard states[index].load(ordering: .acquiring) == State.stored else { return false }
    _ = pixels.update(fromContentsOf: image(index))
    return true
  }

  /// Stores an image, unless it is stored or another thread is at it.
  func store(_ index: Int, from pixels: UnsafeMutableBufferPointer<UInt8>) {
    precondition((0..<count).contains(index) && pixels.count == imageLength)
    let (mine, _) = states[index].compareExchange(
      expected: State.empty, desired: State.storing, ordering: .relaxed)
    guard mine else { return }
    _ = image(index).update(fromContentsOf: pixels)
    states[index].store(State.stored, ordering: .releasing)
  }

  private func image(_ index: Int) -> UnsafeMutableBufferPointer<UInt8> {
    UnsafeMutableBufferPointer(rebasing: bytes[index * imageLength..<(index + 1) * imageLength])
  }
}
