/// Tests of crops and flips through the loader: each output is one of the allowed views.

import Datasets
import Testing

@Suite struct AugmentationTests {
  /// The images that the loader makes of a source, unnormalized, over `epochs` epochs.
  private func views(
    _ source: NumberedImages, _ transform: ImageTransform, seed: UInt64, epochs: Int
  ) throws -> [(label: Int32, pixels: [Float])] {
    let loader = BatchLoader(
      source: source,
      normalization: Normalization(
        mean: .perChannel([0, 0, 0]), deviation: Array(repeating: 1 / 255, count: 3)),
      transform: transform, order: .shuffled(seed: seed), batchSize: source.count,
      localRange: 0..<source.count, steps: 0..<epochs, workers: 2)
    var views: [(label: Int32, pixels: [Float])] = []
    let size = source.imageShape!.count
    for _ in 0..<epochs {
      try loader.withNext { batch in
        for image in 0..<batch.count {
          let pixels = (0..<size).map { batch.pixels[image * size + $0].rounded() }
          views.append((batch.labels[image], pixels))
        }
      }
    }
    return views
  }

  /// The view of image 0 at an offset, mirrored or not, by the definition.
  private func expected(
    _ source: NumberedImages, row: Int, column: Int, flipped: Bool
  ) -> [Float] {
    let shape = source.imageShape!
    var view: [Float] = []
    for y in 0..<shape.height {
      for x in 0..<shape.width {
        // The crop's columns, then mirrored.
        let sourceX = (flipped ? shape.width - 1 - x : x) + column
        let sourceY = y + row
        for c in 0..<shape.channels {
          let inside = (0..<shape.height).contains(sourceY) && (0..<shape.width).contains(sourceX)
          let place = (sourceY * shape.width + sourceX) * shape.channels + c
          view.append(inside ? Float(NumberedImages.byte(0, place)) : 0)
        }
      }
    }
    return view
  }

  @Test("all crops and flips occur, equally often, and nothing else")
  func allViews() throws {
    let source = NumberedImages(count: 1)
    let epochs = 3600
    let found = try views(source, ImageTransform(padding: 1, flip: true), seed: 2, epochs: epochs)
    var counts: [[Float]: Int] = [:]
    for view in found { counts[view.pixels, default: 0] += 1 }
    var allowed: Set<[Float]> = []
    for row in -1...1 {
      for column in -1...1 {
        for flipped in [false, true] {
          allowed.insert(expected(source, row: row, column: column, flipped: flipped))
        }
      }
    }
    #expect(allowed.count == 18)
    #expect(Set(counts.keys) == allowed)
    let mean = Double(epochs) / 18
    #expect(counts.values.allSatisfy { abs(Double($0) - mean) < 6 * mean.squareRoot() })
  }

  @Test("without augmentation images stay as they are")
  func none() throws {
    let source = NumberedImages(count: 1)
    let found = try views(source, .none, seed: 2, epochs: 3)
    let plain = expected(source, row: 0, column: 0, flipped: false)
    #expect(found.allSatisfy { $0.pixels == plain })
  }

  @Test("another seed draws other views")
  func seeds() throws {
    let source = NumberedImages(count: 1)
    let transform = ImageTransform(padding: 2, flip: true)
    let first = try views(source, transform, seed: 1, epochs: 50).map(\.pixels)
    #expect(try views(source, transform, seed: 1, epochs: 50).map(\.pixels) == first)
    #expect(try views(source, transform, seed: 2, epochs: 50).map(\.pixels) != first)
  }
}
