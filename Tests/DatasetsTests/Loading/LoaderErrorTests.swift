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
  let imageShape: ImageShape? = ImageShape(height: 2, width: 2, channels: 3)
  let fingerprint = "0"

  func label(at index: Int) -> Int { 0 }

  func read(
    _ index: Int, into image: inout ImageBuffer, divisor: (ImageShape) -> Int
  ) throws {
    image.reshape(imageShape!)
    image.pixels.update(repeating: 0)
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
        transform: .none, order: .sequential, batchSize: 64, localRange: 0..<64, steps: 0..<1,
        workers: 3)
      #expect(throws: Unreadable(index: 5)) { try loader.withNext(\.count) }
    }
  }

  @Test(
    "a bad image's place is taken by another, the same with any workers and ranks, and reported")
  func replaced() throws {
    let normalization = Normalization(mean: .perChannel([0, 0, 0]), deviation: [1, 1, 1])
    func load(
      _ source: BadImages, _ range: Range<Int>, workers: Int
    ) throws -> (labels: [Int32], bad: [BadImage]) {
      let loader = BatchLoader(
        source: source, normalization: normalization, transform: .none,
        order: .shuffled(seed: 5), batchSize: 60, localRange: range, steps: 0..<2,
        badImages: .skip, workers: workers)
      var labels: [Int32] = []
      var bad: [BadImage] = []
      for _ in 0..<2 {
        try loader.withNext { batch in
          for image in 0..<batch.count {
            let label = batch.labels[image]
            #expect(abs(batch.pixels[image * 3] * 255 - Float(label)) < 1e-3)
            labels.append(label)
          }
        }
        bad += loader.takeBadImages()
      }
      #expect(loader.takeBadImages().isEmpty)
      return (labels, bad)
    }
    let source = BadImages(bad: [7, 20, 21])
    let whole = try load(source, 0..<60, workers: 1)
    // Two epochs, three bad images in each.
    #expect(whole.bad.count == 6 && Set(whole.bad.map(\.reason)).count == 3)
    #expect(whole.bad[0].reason.contains("cannot decode image "))
    #expect(whole.labels.allSatisfy { !source.bad.contains(Int($0)) })
    #expect(whole.labels.count == 120)
    #expect(try load(source, 0..<60, workers: 3).labels == whole.labels)
    let parts = try [0..<20, 20..<60].map { try load(source, $0, workers: 2) }
    for step in 0..<2 {
      let joined =
        parts[0].labels[step * 20..<step * 20 + 20]
        + parts[1].labels[step * 40..<step * 40 + 40]
      #expect(Array(joined) == Array(whole.labels[step * 60..<step * 60 + 60]))
    }
    #expect(parts.flatMap(\.bad).count == 6)
    #expect(throws: DatasetError.self) {
      try load(BadImages(bad: Set(0..<60)), 0..<60, workers: 1)
    }
  }
}

/// Image i is one pixel of value i; some cannot be decoded.
private struct BadImages: ImageSource {
  let name = "bad images"
  let count = 60
  let classNames = (0..<60).map { "\($0)" }
  let imageShape: ImageShape? = ImageShape(height: 1, width: 1, channels: 3)
  let fingerprint = "0"
  let bad: Set<Int>

  func label(at index: Int) -> Int { index }

  func read(
    _ index: Int, into image: inout ImageBuffer, divisor: (ImageShape) -> Int
  ) throws {
    if bad.contains(index) {
      throw DatasetError.undecodable(path: "image \(index)", reason: "it is bad")
    }
    image.reshape(imageShape!)
    image.pixels.update(repeating: UInt8(index))
  }
}
