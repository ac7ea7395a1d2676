/// Random erasing: how often, how large, and where.

import Datasets
import Foundation
import Tensors
import Testing

@Suite struct RandomErasingTests {
  private static let shape = ImageShape(height: 32, width: 40, channels: 3)

  @Test("the part of images, areas and ratios are those of torchvision's RandomErasing")
  func distribution() {
    let erasing = RandomErasing(probability: 0.4)
    var (areas, ratios): ([Double], [Double]) = ([], [])
    var places: Set<Int> = []
    for index in 0..<5000 {
      let box = erasing.draw(seed: 2, epoch: 1, index: index, shape: Self.shape)
      guard let box else { continue }
      #expect(box.rows.lowerBound >= 0 && box.rows.upperBound <= 32)
      #expect(box.columns.lowerBound >= 0 && box.columns.upperBound <= 40)
      areas.append(Double(box.rows.count * box.columns.count) / 1280)
      ratios.append(Double(box.rows.count) / Double(box.columns.count))
      places.insert(box.rows.lowerBound)
    }
    #expect(abs(areas.count - 2000) < 175)
    // Rounding to whole pixels moves areas a little.
    #expect(areas.min()! > 0.014 && areas.max()! < 0.35)
    #expect(areas.min()! < 0.03 && areas.max()! > 0.31)
    #expect(ratios.contains { $0 < 0.4 } && ratios.contains { $0 > 2.4 })
    #expect(places.count > 25)
    // Uniform in the logarithm: as many below 1 as above.
    let low = ratios.filter { $0 < 1 }.count
    #expect(abs(low - ratios.count / 2) < 160, "\(low) of \(ratios.count)")
  }

  @Test("the drawn rectangle is zero after the normalization, and nothing else is touched")
  func loading() throws {
    let source = NumberedImages(count: 30, shape: ImageShape(height: 16, width: 12, channels: 3))
    func load(_ erasing: RandomErasing) throws -> [Float] {
      var transform = ImageTransform(padding: 2, flip: true)
      transform.erasing = erasing
      let loader = BatchLoader(
        source: source,
        normalization: Normalization(
          mean: .perChannel([0.3, 0.4, 0.5]), deviation: [0.2, 0.2, 0.2]),
        transform: transform, order: .shuffled(seed: 4), batchSize: 30, localRange: 0..<30,
        steps: 0..<1, workers: 2)
      return try loader.withNext { batch in
        Array(UnsafeBufferPointer(start: batch.pixels.base, count: batch.pixels.count))
      }!
    }
    let plain = try load(.none)
    let erased = try load(RandomErasing(probability: 0.5))
    let size = source.shape.count
    var images = 0
    for image in 0..<30 {
      let range = image * size..<(image + 1) * size
      let changed = zip(plain[range], erased[range]).filter { $0.0 != $0.1 }
      #expect(changed.allSatisfy { $0.1 == 0 })
      if !changed.isEmpty { images += 1 }
    }
    #expect((5...25).contains(images))
    #expect(try load(RandomErasing(probability: 0.5)) == erased)
  }
}
