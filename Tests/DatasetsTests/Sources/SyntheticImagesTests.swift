/// Synthetic images and subsets.

import Datasets
import Tensors
import TestSupport
import Testing

@Suite struct SyntheticImagesTests {
  private func source(
    seed: UInt64 = 7, split: DatasetSplit = .train, count: Int = 200
  ) -> SyntheticImages {
    SyntheticImages(count: count, classCount: 10, seed: seed, split: split)
  }

  @Test("an image depends on seed, split and index alone")
  func deterministic() throws {
    let first = try pixels(source(), 13)
    #expect(try pixels(source(count: 50), 13) == first)
    #expect(try pixels(source(seed: 8), 13) != first)
    #expect(try pixels(source(split: .test), 13) != first)
    #expect(try pixels(source(), 23) != first)
    let fingerprints = [
      source(), source(seed: 8), source(split: .test), source(count: 50),
    ].map(\.fingerprint)
    #expect(Set(fingerprints).count == 4)
    #expect(source().fingerprint == fingerprints[0])
  }

  /// So that files and ranks on different machines agree.
  @Test("the bytes are the ones they have always been")
  func pinned() throws {
    let image = try pixels(source(), 13)
    let sum = image.enumerated().reduce(0) { $0 + ($1.offset + 1) * Int($1.element) }
    #expect(sum == 603_710_889)
  }

  @Test("the nearest mean of the training images tells most test images' class")
  func learnable() throws {
    let train = source(count: 1000)
    let test = source(split: .test)
    var means = Array(repeating: Array(repeating: 0.0, count: 3072), count: 10)
    for index in 0..<train.count {
      let image = try pixels(train, index)
      for (position, value) in image.enumerated() {
        means[train.label(at: index)][position] += Double(value) / 100
      }
    }
    var right = 0
    for index in 0..<test.count {
      let image = try pixels(test, index).map(Double.init)
      let distances = means.map { mean in
        zip(mean, image).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      }
      let nearest = distances.indices.min { distances[$0] < distances[$1] }
      if nearest == test.label(at: index) { right += 1 }
    }
    #expect(right > 160, "\(right) of \(test.count)")
  }

  @Test("any shape")
  func shapes() throws {
    let shape = ImageShape(height: 5, width: 17, channels: 3)
    let source = SyntheticImages(count: 3, classCount: 2, shape: shape, seed: 0, split: .train)
    #expect(source.imageShape == shape && source.name == "synthetic, 3 training images with seed 0")
    #expect(Set(try pixels(source, 2)).count > 30)
  }

  @Test("a subset numbers a range of another source's images from zero")
  func subset() throws {
    let base = source()
    let subset = Subset(base, indices: 15..<40)
    #expect(subset.count == 25 && subset.imageShape == base.imageShape)
    #expect(subset.label(at: 3) == base.label(at: 18))
    #expect(try pixels(subset, 24) == pixels(base, 39))
    #expect(subset.fingerprint != base.fingerprint)
    #expect(subset.fingerprint != Subset(base, indices: 15..<41).fingerprint)
    #expect(Subset(subset, indices: 0..<0).count == 0)
  }
}
