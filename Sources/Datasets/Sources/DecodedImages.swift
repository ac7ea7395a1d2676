/// Decoded images kept in memory from their first use on, shared by all threads.

import Synchronization
import Tensors

/// One buffer for all images of a source and a state per image.
///
/// A buffer's pages take memory only once an image is stored in them.
///
/// Unchecked `Sendable`: an image's bytes are written by the one thread that moved its state from
/// `empty` to `storing`, and read only after that thread set `stored`.
final class DecodedImages: @unchecked Sendable {
  private enum State {
    case empty, storing, stored
  }

  private let imageLength: Int
  private let bytes: AlignedBuffer<UInt8>
  private let states: Mutex<[State]>

  init(count: Int, imageLength: Int) {
    self.imageLength = imageLength
    bytes = AlignedBuffer(uninitialized: count * imageLength)
    states = Mutex(Array(repeating: .empty, count: count))
  }

  /// Copies an image out, if it is stored.
  func load(_ index: Int, into pixels: MutableVectorView<UInt8>) -> Bool {
    precondition(pixels.count == imageLength, "an image of another size")
    guard states.withLock({ $0[index] == .stored }) else { return false }
    pixels.update(from: image(index))
    return true
  }

  /// Stores an image, unless it is stored or another thread is at it.
  func store(_ index: Int, from pixels: MutableVectorView<UInt8>) {
    precondition(pixels.count == imageLength, "an image of another size")
    let isMine = states.withLock { states in
      guard states[index] == .empty else { return false }
      states[index] = .storing
      return true
    }
    guard isMine else { return }
    image(index).update(from: pixels)
    states.withLock { $0[index] = .stored }
  }

  private func image(_ index: Int) -> MutableVectorView<UInt8> {
    bytes.view.row(index, width: imageLength)
  }
}
