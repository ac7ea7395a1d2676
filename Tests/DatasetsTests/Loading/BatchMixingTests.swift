/// Mixup and CutMix: torchvision's results, the distribution of draws, and the same batch everywhere.

import Datasets
import Foundation
import Safetensors
import Tensors
import Testing

@Suite struct BatchMixingTests {
  private static let shape = ImageShape(height: 9, width: 7, channels: 3)

  private func fixture() throws -> SafetensorsFile {
    try SafetensorsFile(
      contentsOf: Bundle.module.path(
        forResource: "mixing", ofType: "safetensors", inDirectory: "Fixtures")!)
  }

  /// The fixture's images, mixed, and their targets.
  private func mix(
    _ draw: BatchMixing.Draw, _ file: SafetensorsFile, smoothing: Double = 0
  ) throws -> (images: [Float], targets: [Float]) {
    let images = try file.float32("images", shape: [6, 9, 7, 3])
    let labels = try file.int64("labels", shape: [6]).map { Int($0) }
    let buffer = AlignedBuffer<Float>(count: 7 * Self.shape.count)
    // The image before the first is the last.
    for (index, value) in (images + images.suffix(Self.shape.count)).enumerated() {
      buffer.view[index] = value
    }
    draw.mix(buffer.view, images: 0..<6, before: 6, shape: Self.shape)
    let targets = AlignedBuffer<Float>(count: 24)
    for image in 0..<6 {
      var space = TargetSpace(.classProbabilities(4), in: targets.view.row(image, width: 4).bytes)
      space.write(
        labels: (labels[image], labels[(image + 5) % 6]), weight: draw.weight,
        smoothing: smoothing, classes: 4)
    }
    return (Array(buffer.elements.prefix(images.count)), Array(targets.elements))
  }

  private func expectEqual(_ found: [Float], _ expected: [Float], _ what: String) {
    let difference = zip(found, expected).reduce(0) { max($0, abs($1.0 - $1.1)) }
    #expect(found.count == expected.count && difference <= 1e-6, "\(what): \(difference)")
  }

  @Test("mixup is torchvision's MixUp", arguments: 0..<3)
  func mixup(number: Int) throws {
    let file = try fixture()
    let weight = try file.float64("mixup.\(number).weight")
    let found = try mix(.mixup(weight: weight), file)
    expectEqual(found.images, try file.float32("mixup.\(number).images"), "images")
    expectEqual(found.targets, try file.float32("mixup.\(number).targets"), "targets")
  }

  @Test(
    "CutMix is torchvision's CutMix, with smoothed targets as its loss takes them", arguments: 0..<3
  )
  func cutMix(number: Int) throws {
    let file = try fixture()
    let center = try file.int64("cutmix.\(number).center", shape: [2]).map { Int($0) }
    let draw = BatchMixing.Draw.cutMix(
      weight: try file.float64("cutmix.\(number).weight"), row: center[0], column: center[1],
      shape: Self.shape)
    let found = try mix(draw, file)
    #expect(found.images == (try file.float32("cutmix.\(number).images")))
    expectEqual(found.targets, try file.float32("cutmix.\(number).targets"), "targets")
    expectEqual(
      try mix(draw, file, smoothing: 0.1).targets, try file.float32("smoothed.\(number)"),
      "smoothed targets")
  }

  @Test("mini-batches draw mixup or CutMix with even chances, in the given part of them")
  func draws() {
    let mixing = BatchMixing(mixupAlpha: 0.2, cutMixAlpha: 1, probability: 0.75)
    var (alone, mixup, cutMix) = (0, [Double](), 0)
    for miniBatch in 0..<4000 {
      switch mixing.draw(seed: 3, group: miniBatch, shape: Self.shape) {
      case .alone: alone += 1
      case .mixup(let weight): mixup.append(weight)
      case .cutMix(let rows, let columns, let weight):
        cutMix += 1
        #expect(rows.lowerBound >= 0 && rows.upperBound <= 9 && columns.upperBound <= 7)
        #expect(abs(weight - (1 - Double(rows.count * columns.count) / 63)) < 1e-12)
      }
    }
    // Five standard deviations of a binomial of 4000 are at most 158.
    #expect(abs(alone - 1000) < 140 && abs(mixup.count - 1500) < 160 && abs(cutMix - 1500) < 160)
    // Beta(0.2, 0.2) has mean 1/2 and variance 1 / (4 (2 · 0.2 + 1)).
    let mean = mixup.reduce(0, +) / Double(mixup.count)
    let variance = mixup.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(mixup.count)
    #expect(abs(mean - 0.5) < 0.06 && abs(variance - 1 / 5.6) < 0.015)
    #expect(
      mixing.draw(seed: 3, group: 7, shape: Self.shape)
        == mixing.draw(seed: 3, group: 7, shape: Self.shape))
  }

  /// A rank's mixed images and targets of some mini-batches.
  private func load(
    ranks: Int, microBatches: Int, workers: Int, miniBatch: Int = 12, groupSize: Int? = nil
  ) throws -> (pixels: [Float], targets: [Float]) {
    let source = NumberedImages(count: 40)
    let micro = miniBatch / microBatches
    var mixing = BatchMixing(mixupAlpha: 1, cutMixAlpha: 1, labelSmoothing: 0.1)
    mixing.groupSize = groupSize
    var parts: [[(pixels: [Float], targets: [Float])]] = []
    for rank in 0..<ranks {
      let range = rank * micro / ranks..<(rank + 1) * micro / ranks
      let loader = BatchLoader(
        source: source,
        normalization: Normalization(mean: .perChannel([0, 0, 0]), deviation: [1, 1, 1]),
        transform: ImageTransform(padding: 2, flip: true), order: .shuffled(seed: 5),
        batchSize: micro, localRange: range, steps: 0..<108 / micro,
        targets: [.classProbabilities(7)],
        mixing: mixing,
        microBatches: microBatches, workers: workers)
      var batches: [(pixels: [Float], targets: [Float])] = []
      while let batch = try loader.withNext({ batch in
        (
          pixels: Array(
            UnsafeBufferPointer(start: batch.pixels.base, count: batch.pixels.count)),
          targets: Array(
            batch.targets.view(
              0, .classProbabilities(7), images: 0..<batch.count, as: Float.self
            ).elements)
        )
      }) { batches.append(batch) }
      parts.append(batches)
    }
    let all = parts[0].indices.flatMap { step in parts.map { $0[step] } }
    return (all.flatMap(\.pixels), all.flatMap(\.targets))
  }

  @Test("ranks, micro-batches and workers change no bit of a mixed mini-batch")
  func invariance() throws {
    let one = try load(ranks: 1, microBatches: 1, workers: 1)
    #expect(Set(one.targets).count > 12)
    for (ranks, microBatches, workers) in [(1, 1, 3), (3, 1, 1), (2, 2, 2), (1, 4, 2), (3, 4, 1)] {
      let other = try load(ranks: ranks, microBatches: microBatches, workers: workers)
      let same = other == one
      #expect(same, "\(ranks) ranks, \(microBatches) micro-batches, \(workers) workers")
    }
  }

  @Test("groups are mixed as mini-batches of their own, on any number of ranks")
  func groups() throws {
    let one = try load(ranks: 1, microBatches: 1, workers: 1, miniBatch: 4)
    for (ranks, microBatches) in [(1, 1), (2, 1), (3, 1), (4, 1), (1, 3), (2, 3)] {
      let other = try load(
        ranks: ranks, microBatches: microBatches, workers: 2, groupSize: 4)
      let same = other == one
      #expect(same, "\(ranks) ranks, \(microBatches) micro-batches")
    }
    let whole = try load(ranks: 1, microBatches: 1, workers: 1)
    #expect(whole.targets != one.targets)
  }

  @Test("labels are given as distributions where they are asked for")
  func oneHot() throws {
    let source = NumberedImages(count: 10)
    #expect(source.provides(.classProbabilities(7)) && !source.provides(.classProbabilities(8)))
    let loader = BatchLoader(
      source: source,
      normalization: Normalization(mean: .perChannel([0, 0, 0]), deviation: [1, 1, 1]),
      transform: .none, order: .sequential, batchSize: 10, localRange: 0..<10, steps: 0..<1,
      targets: [.classProbabilities(7)])
    let targets = try loader.withNext { batch in
      Array(
        batch.targets.view(0, .classProbabilities(7), images: 0..<10, as: Float.self).elements)
    }
    #expect(targets == (0..<10).flatMap { image in (0..<7).map { $0 == image % 7 ? 1 : 0 } })
  }
}

extension SafetensorsFile {
  /// A scalar that is stored in Float64.
  fileprivate func float64(_ name: String) throws -> Double {
    let bytes = try bytes(name)
    return Double(
      bitPattern: bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
  }
}
