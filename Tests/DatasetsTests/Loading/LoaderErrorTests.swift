/// Which of several errors in one batch the loader tells.

import Datasets
import Foundation
import Tensors
import Testing

/// Two images that cannot be read; finding that out takes longer for the first.
private struct TwoUnreadable: ImageSource {
  let name = "two unreadable images"
  let count = 64
  let classNames = ["only"]
  let imageShape = ImageShape(height: 2, width: 2, channels: 3)
  let fingerprint = "0"

  func label(at index: Int) -> Int { 0 }

  func read(_ index: Int, into pixels: UnsafeMutableBufferPointer<UInt8>) throws {
    pixels.update(repeating: 0)
    if index == 5 { Thread.sleep(forTimeInterval: 0.002) }
    if index == 5 || index == 40 { throw Unreadable(index: index) }
  }
}

@Suite struct LoaderErrorTests {
  @Test("of several unreadable images in a batch the first is named, whoever met it first")
  func firstImage() throws {
    for _ in 0..<50 {
      let loader = BatchLoader(
        source: TwoUnreadable(),
        normalization: Normalization(mean: .perChannel([0, 0, 0]), deviation: [1, 1, 1]),
        augmentation: .none, order: .sequential, batchSize: 64, localRange: 0..<64, steps: 0..<1,
        workers: 3)
      #expect(throws: Unreadable(index: 5)) { try loader.withNext(\.count) }
    }
  }
}
