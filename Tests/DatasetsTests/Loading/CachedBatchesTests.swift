/// Batches of what is kept of each image, against the loader of the images themselves.

import Datasets
import Tensors
import Testing

@Suite struct CachedBatchesTests {
  private static let normalization = Normalization(
    mean: .perChannel([0.1, 0.2, 0.3]), deviation: [0.5, 0.6, 0.7])

  private func values(_ source: any BatchSource) throws -> [(pixels: [Float], labels: [Int32])] {
    var all: [(pixels: [Float], labels: [Int32])] = []
    while let batch = try source.withNext({ batch in
      (
        pixels: Array(
          UnsafeBufferPointer(start: batch.pixels.base, count: batch.count * source.shape.count)),
        labels: Array(batch.labels)
      )
    }) { all.append(batch) }
    return all
  }

  @Test(
    "prepared images that are kept come as the loader prepares them",
    arguments: [
      SampleOrder.sequential, .shuffled(seed: 5),
      .shuffled(seed: 5, repetition: SampleRepetition(count: 3, groups: 5)),
    ])
  func sameAsLoader(order: SampleOrder) throws {
    let images = NumberedImages(count: 43)
    let shape = images.imageShape!
    func loader(_ order: SampleOrder, range: Range<Int>, steps: Range<Int>) -> BatchLoader {
      BatchLoader(
        source: images, normalization: Self.normalization, transform: .none, order: order,
        batchSize: 16, localRange: range, steps: steps)
    }
    let kept = try values(loader(.sequential, range: 0..<16, steps: 0..<3)).flatMap(\.pixels)
    try kept.withUnsafeBufferPointer { kept in
      for range in [0..<5, 5..<16] {
        // Three batches end with the images; a shuffled stream goes on with the next epoch.
        let steps = order == .sequential ? 0..<3 : 1..<7
        let cached = CachedBatches(
          VectorView(kept), shape: shape, of: images, order: order, batchSize: 16,
          miniBatch: 16, localRange: range, steps: steps, targets: [.label])
        let (found, expected) = (
          try values(cached), try values(loader(order, range: range, steps: steps))
        )
        #expect(found.map(\.labels) == expected.map(\.labels) && found.count == steps.count)
        #expect(found.map(\.pixels) == expected.map(\.pixels))
      }
    }
  }
}
