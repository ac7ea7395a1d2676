/// Repeated augmentation against timm's sampler, from `Oracles/datasets/make_repeats.py`.

import Datasets
import Foundation
import Testing

@Suite struct SampleRepetitionTests {
  private struct Case: Decodable {
    let images: Int
    let repeats: Int
    let ranks: Int
    /// Of each rank's samples in an epoch, in the epoch's permutation.
    let places: [[Int]]
  }

  private static let normalization = Normalization(
    mean: .perChannel([0, 0, 0]), deviation: [1, 1, 1])

  /// Labels and pixels of the steps of a rank.
  private func load(
    _ images: Int, _ repetition: SampleRepetition, batchSize: Int, range: Range<Int>, steps: Int,
    transform: ImageTransform = .none, microBatches: Int = 1
  ) throws -> (labels: [Int32], pixels: [[Float]]) {
    let loader = BatchLoader(
      source: NumberedImages(count: images), normalization: Self.normalization,
      transform: transform, order: .shuffled(seed: 5, repetition: repetition),
      batchSize: batchSize, localRange: range, steps: 0..<steps, microBatches: microBatches,
      workers: 2)
    var (labels, pixels) = ([Int32](), [[Float]]())
    func take(_ batch: Batch) -> Bool {
      labels += Array(batch.labels)
      let size = batch.pixels.shape.count
      for image in 0..<batch.count {
        pixels.append(
          Array(UnsafeBufferPointer(start: batch.pixels.base + image * size, count: size)))
      }
      return true
    }
    while try loader.withNext(take) != nil {}
    return (labels, pixels)
  }

  @Test("each group of a mini-batch has the samples that timm's sampler gives a rank")
  func timm() throws {
    let path = try #require(
      Bundle.module.path(forResource: "repeats", ofType: "json", inDirectory: "Fixtures"))
    let cases = try JSONDecoder().decode(
      [Case].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    for sample in cases {
      let batch = 8 * sample.ranks
      let steps = sample.images / batch
      let permutation = PermutationSampler.permutation(seed: 5, epoch: 0, count: sample.images)
      let repetition = SampleRepetition(count: sample.repeats, groups: sample.ranks)
      for (rank, places) in sample.places.enumerated() {
        let found = try load(
          sample.images, repetition, batchSize: batch, range: 8 * rank..<8 * (rank + 1),
          steps: steps)
        let expected = places.prefix(8 * steps).map { permutation[$0] % 7 }
        #expect(found.labels == expected, "\(sample.images) images, rank \(rank)")
      }
    }
  }

  @Test("an image is another one at each of its repeats, and in each epoch")
  func draws() throws {
    let transform = ImageTransform(padding: 2, flip: true)
    // Two epochs of 12 images, 12 at a time: four images three times each.
    let found = try load(
      12, SampleRepetition(count: 3, groups: 3), batchSize: 12, range: 0..<12, steps: 2,
      transform: transform)
    let permutations = (0..<2).map {
      PermutationSampler.permutation(seed: 5, epoch: $0, count: 12).prefix(4)
    }
    // Group g has the positions g, g + 3 and so on of the repeated permutation.
    let repeated = permutations[0].flatMap { [$0, $0, $0] }
    for group in 0..<3 {
      for index in 0..<4 {
        #expect(found.labels[group * 4 + index] == repeated[index * 3 + group] % 7)
      }
    }
    // Of images that come three times, two are hardly ever the same pixels (1 in 50 draws).
    #expect(Set(found.pixels).count >= 20)
  }

  @Test(
    "ranks and micro-batches change no bit, also where groups do not divide a mini-batch",
    arguments: [4, 5])
  func invariance(groups: Int) throws {
    let repetition = SampleRepetition(count: 4, groups: groups)
    let transform = ImageTransform(padding: 2, flip: true)
    let one = try load(
      30, repetition, batchSize: 12, range: 0..<12, steps: 6, transform: transform)
    #expect(Set(one.labels).count > 3)
    let micro = try load(
      30, repetition, batchSize: 4, range: 0..<4, steps: 18, transform: transform,
      microBatches: 3)
    #expect(micro.labels == one.labels && micro.pixels == one.pixels)
    let parts = try [0..<5, 5..<12].map {
      try load(30, repetition, batchSize: 12, range: $0, steps: 6, transform: transform)
    }
    for step in 0..<6 {
      let pixels =
        parts[0].pixels[step * 5..<(step + 1) * 5] + parts[1].pixels[step * 7..<(step + 1) * 7]
      #expect(Array(pixels) == Array(one.pixels[step * 12..<(step + 1) * 12]))
    }
  }
}
