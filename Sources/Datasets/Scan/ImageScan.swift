/// Every image of a source read once: which cannot be decoded, how large they are, which are the same.

import Glibc
import Synchronization
import System
import SystemPackage
import Tensors

/// What the images of a source are.
package struct ImageScan: Sendable {
  /// Images that cannot be read or decoded, in the source's order.
  package let bad: [BadImage]
  /// Images of more than `ImageDecoding.largePixels`, in the source's order; some of them may be larger than
  /// what is decoded.
  package let oversized: [OversizedImage]
  /// Images that have not the size that the source takes all of them to have, in the source's order.
  package let otherSizes: [OtherSizedImage]
  /// The smallest and largest height and width; nil without a good image.
  package let heights: ClosedRange<Int>?
  package let widths: ClosedRange<Int>?
  /// SHA-256 of each image's shape and pixels; nil for bad ones.
  package let digests: [String?]

  /// Reads all images.
  ///
  /// - Parameters:
  ///   - workers: threads that read.
  ///   - progress: called now and then with the images read.
  /// - Throws: the system's error where it has no threads left.
  package init(
    _ source: any ImageSource, workers: Int, progress: (Int) -> Void = { _ in }
  ) throws(Errno) {
    let scan = ScanState(source)
    var threads: [WorkerThread] = []
    for _ in 0..<workers { threads.append(try WorkerThread { scan.work() }) }
    while scan.finished < source.count {
      progress(scan.finished)
      usleep(50_000)
    }
    for thread in threads { thread.join() }
    progress(source.count)
    let found = scan.found
    bad = found.bad.sorted { $0.index < $1.index }
    oversized = found.oversized.sorted { $0.index < $1.index }
    otherSizes = found.otherSizes.sorted { $0.index < $1.index }
    digests = found.digests
    heights = Self.range(found.shapes.map(\.height))
    widths = Self.range(found.shapes.map(\.width))
  }

  private static func range(_ values: [Int]) -> ClosedRange<Int>? {
    guard let low = values.min(), let high = values.max() else { return nil }
    return low...high
  }
}

/// An image that takes much memory to decode.
package struct OversizedImage: Equatable, Sendable {
  /// Which image of the source it is.
  package let index: Int
  /// Of the file.
  package let shape: ImageShape
  /// Whether it is larger than what is decoded.
  package let isRefused: Bool
}

/// An image of another size than the source's images are taken to have.
package struct OtherSizedImage: Equatable, Sendable {
  /// Which image of the source it is.
  package let index: Int
  package let shape: ImageShape
}

/// What the threads of a scan share.
private final class ScanState: Sendable {
  struct Found {
    var next = 0
    var finished = 0
    var bad: [BadImage] = []
    var oversized: [OversizedImage] = []
    var otherSizes: [OtherSizedImage] = []
    var shapes: Set<ImageShape> = []
    var digests: [String?]
  }

  /// Images that a thread takes at a time, one after the other in their file.
  private static let chunk = 32

  private let source: any ImageSource
  private let state: Mutex<Found>

  init(_ source: any ImageSource) {
    self.source = source
    state = Mutex(Found(digests: Array(repeating: nil, count: source.count)))
  }

  var finished: Int { state.withLock { $0.finished } }
  var found: Found { state.withLock { $0 } }

  /// Reads images until there are none left.
  func work() {
    var image = ImageBuffer()
    while true {
      let part = state.withLock { state in
        let first = state.next
        state.next = min(first + Self.chunk, source.count)
        return first..<state.next
      }
      if part.isEmpty { return }
      for index in part { read(index, &image) }
    }
  }

  private func read(_ index: Int, _ image: inout ImageBuffer) {
    do {
      try source.read(index, into: &image)
      let (shape, digest) = (image.shape, Self.digest(image))
      state.withLock { state in
        state.shapes.insert(shape)
        state.digests[index] = digest
        if shape.area > ImageDecoding.largePixels {
          state.oversized.append(OversizedImage(index: index, shape: shape, isRefused: false))
        }
        if let common = source.imageShape, shape != common {
          state.otherSizes.append(OtherSizedImage(index: index, shape: shape))
        }
        state.finished += 1
      }
    } catch DatasetError.oversized(_, let shape, _) {
      state.withLock { state in
        state.oversized.append(OversizedImage(index: index, shape: shape, isRefused: true))
        state.finished += 1
      }
    } catch {
      state.withLock { state in
        state.bad.append(BadImage(index: index, reason: "\(error)"))
        state.finished += 1
      }
    }
  }

  private static func digest(_ image: borrowing ImageBuffer) -> String {
    var hash = SHA256()
    for side in [image.shape.height, image.shape.width] { hash.update(side) }
    hash.update(image.pixels.elements)
    return hash.hexadecimal()
  }
}
