/// Resizing against Pillow and torchvision, bit for bit; random crops by what they show.

import Datasets
import Kernels
import Tensors
import Testing

@Suite struct ResizingTests {
  /// What a transform makes of a pattern in each of some epochs.
  private func outputs(
    _ source: Pattern, _ transform: ImageTransform, seed: UInt64 = 1, epochs: Int = 1
  ) throws -> [[UInt8]] {
    let loader = BatchLoader(
      source: source,
      normalization: Normalization(
        mean: .perChannel([0, 0, 0]), deviation: Array(repeating: 1 / 255, count: 3)),
      transform: transform, order: .shuffled(seed: seed), batchSize: 1, localRange: 0..<1,
      steps: 0..<epochs)
    let count = transform.outputShape(of: nil)!.count
    return try (0..<epochs).map { _ in
      try loader.withNext { batch in (0..<count).map { UInt8(batch.pixels[$0].rounded()) } }!
    }
  }

  private func pattern(_ height: Int, _ width: Int) -> Pattern {
    Pattern(shape: ImageShape(height: height, width: width, channels: 3))
  }

  @Test(
    "a whole image resized is Pillow's, bit for bit, larger or smaller",
    arguments: zip(ResamplingFilter.allCases, ["resized.rgb", "resized-bicubic.rgb"]))
  func pillow(_ filter: ResamplingFilter, _ fixture: String) throws {
    let expected = try Fixture.bytes(fixture)
    var place = 0
    for (height, width, rows, columns) in [
      (67, 41, 23, 19), (40, 60, 80, 90), (300, 200, 13, 7), (33, 50, 33, 20), (33, 50, 20, 50),
      (1, 1, 5, 4), (5, 3, 5, 3), (2, 90, 31, 30),
    ] {
      var image = ImageBuffer()
      var between = ImageBuffer()
      var resized = ImageBuffer()
      pattern(height, width).read(0, into: &image) { _ in 1 }
      image.resize(
        to: ImageShape(height: rows, width: columns, channels: 3), filter: filter, via: &between,
        into: &resized)
      let count = rows * columns * 3
      #expect(
        Array(resized.pixels.elements) == Array(expected[place..<place + count]),
        "\(height)×\(width) to \(rows)×\(columns)")
      place += count
    }
    #expect(place == expected.count)
  }

  @Test("test images are torchvision's Resize and CenterCrop, bit for bit")
  func torchvision() throws {
    let expected = try Fixture.bytes("tested.rgb")
    var place = 0
    for (height, width, resize, size) in [
      (75, 113, 32, 28), (113, 75, 37, 28), (64, 64, 33, 30), (20, 31, 36, 31),
    ] {
      let found = try outputs(pattern(height, width), .test(resize: resize, size: size))[0]
      #expect(
        found == Array(expected[place..<place + found.count]), "\(height)×\(width) to \(resize)")
      place += found.count
    }
    #expect(place == expected.count)
  }

  /// Red tells the column, green the row: the outermost pixels tell where a crop ends.
  private let coordinates = Pattern(
    shape: ImageShape(height: 240, width: 200, channels: 3), byte: { [$1, $0, 0][$2] })

  @Test("random resized crops have areas and ratios of the whole range, evenly, and lie anywhere")
  func randomResized() throws {
    let size = 16
    let transform = ImageTransform(
      crop: .randomResized(size: size, area: 0.08...0.5, ratio: 3.0 / 4...4.0 / 3))
    var (areas, ratios, places): ([Double], [Double], [Double]) = ([], [], [])
    for image in try outputs(coordinates, transform, epochs: 2000) {
      func value(_ row: Int, _ column: Int, _ c: Int) -> Double {
        Double(image[(row * size + column) * 3 + c])
      }
      // Pixel centres are a sixteenth of the crop apart.
      let width = (value(8, size - 3, 0) - value(8, 2, 0)) * Double(size) / Double(size - 5)
      let height = (value(size - 3, 8, 1) - value(2, 8, 1)) * Double(size) / Double(size - 5)
      areas.append(width * height / Double(coordinates.shape.area))
      ratios.append(width / height)
      let center = (value(8, 7, 0) + value(8, 8, 0) + 1) / 2
      places.append((center - width / 2) / max(200 - width, 1))
    }
    #expect(areas.min()! > 0.07 && areas.max()! < 0.52)
    #expect(ratios.min()! > 0.7 && ratios.max()! < 1.4)
    let mean = areas.reduce(0, +) / 2000
    #expect(abs(mean - 0.29) < 0.015, "uniform in 0.08…0.5: \(mean)")
    #expect(abs(Double(ratios.count { $0 < 1 }) / 2000 - 0.5) < 0.05)
    #expect(abs(Double(places.count { $0 < 0.5 }) / 2000 - 0.5) < 0.05)
    #expect(places.min()! < 0.1 && places.max()! > 0.9)
  }

  @Test(
    "where no random crop fits, the largest allowed one at the centre is taken, as by torchvision")
  func fallback() throws {
    let wide = Pattern(
      shape: ImageShape(height: 20, width: 200, channels: 3), byte: { [$1, $0, 0][$2] })
    let transform = ImageTransform(
      crop: .randomResized(size: 20, area: 1...1, ratio: 1...1))
    // Twenty columns from 90 on.
    let image = try outputs(wide, transform)[0]
    #expect((0..<20).map { Int(image[$0 * 3]) } == Array(90..<110))
  }

  @Test("scale crops show a shorter side of every length of the range, anywhere")
  func scales() throws {
    let size = 20
    let transform = ImageTransform(
      crop: .resized(shorterSide: 20...40, size: size, at: .random), flip: .never)
    var lengths: Set<Int> = []
    var firsts: Set<Int> = []
    for image in try outputs(coordinates, transform, epochs: 1500) {
      let step = Double(image[(8 * size + 17) * 3]) - Double(image[(8 * size + 2) * 3])
      lengths.insert(Int((200 * 15 / step).rounded()))
      firsts.insert(Int(image[0]) / 10)
    }
    #expect(lengths.isSuperset(of: 21...39) && lengths.allSatisfy { (19...42).contains($0) })
    #expect(firsts.isSuperset(of: 0...8))
  }

  @Test("the same seed, epoch and image give the same crop; another seed another")
  func keyed() throws {
    let transform = ImageTransform(
      crop: .randomResized(size: 12, area: 0.08...1, ratio: 0.75...1.33), flip: .random)
    let first = try outputs(coordinates, transform, seed: 7, epochs: 20)
    #expect(try outputs(coordinates, transform, seed: 7, epochs: 20) == first)
    #expect(try outputs(coordinates, transform, seed: 8, epochs: 20) != first)
    #expect(Set(first).count == 20)
  }
}
