/// Colour changes against torchvision, bit for bit, and the noise by its moments.

import Datasets
import Tensors
import Testing

@Suite struct ColorChangeTests {
  private static let shape = ImageShape(height: 20, width: 31, channels: 3)

  @Test("brightness, contrast and saturation are torchvision's of PIL images, bit for bit")
  func torchvision() throws {
    let expected = try Fixture.bytes("colours.rgb")
    let changes: [(ColorJitter.Blend.Kind, Float)] = [
      (.brightness, 0.6), (.brightness, 1.4), (.contrast, 0.3), (.contrast, 1.7),
      (.saturation, 0), (.saturation, 1.9),
    ]
    let count = Self.shape.count
    #expect(expected.count == count * changes.count)
    for (number, (kind, factor)) in changes.enumerated() {
      var image = ImageBuffer()
      Pattern(shape: Self.shape).read(0, into: &image) { _ in 1 }
      image.blend(.init(kind: kind, factor: factor))
      #expect(
        Array(image.pixels.elements) == Array(expected[number * count..<(number + 1) * count]),
        "\(kind) \(factor)")
    }
  }

  /// The mean colour of one grey image in each of some epochs, in units of pixel/255.
  private func colors(_ change: ColorJitter, epochs: Int) throws -> [[Double]] {
    let source = Pattern(
      shape: ImageShape(height: 2, width: 2, channels: 3), byte: { _, _, _ in 100 })
    var transform = ImageTransform.test(resize: 2, size: 2)
    transform.color = change
    let loader = BatchLoader(
      source: source,
      normalization: Normalization(mean: .perChannel([0, 0, 0]), deviation: [1, 1, 1]),
      transform: transform, order: .shuffled(seed: 3), batchSize: 1, localRange: 0..<1,
      steps: 0..<epochs)
    return try (0..<epochs).map { _ in
      try loader.withNext { batch in (0..<3).map { Double(batch.pixels[$0]) } }!
    }
  }

  @Test("noise along the principal colours has their covariance")
  func pcaNoise() throws {
    let epochs = 4000
    let found = try colors(ColorJitter(pcaNoise: 0.5), epochs: epochs)
    // Of red: the sum over the axes of (0.5 × deviation × component)².
    let axes = [(0.2175, -0.5675), (0.0188, 0.7192), (0.0045, 0.4009)]
    let variance = axes.reduce(0) { $0 + (0.5 * $1.0 * $1.1) * (0.5 * $1.0 * $1.1) }
    let mean = found.reduce(0) { $0 + $1[0] } / Double(epochs)
    let squares = found.reduce(0) { $0 + ($1[0] - mean) * ($1[0] - mean) } / Double(epochs)
    #expect(abs(mean - 100.0 / 255) < 0.004)
    #expect(abs(squares / variance - 1) < 0.1, "\(squares) for \(variance)")
    // Mostly brightness: red and green go together.
    let greens = found.reduce(0) { $0 + $1[1] } / Double(epochs)
    let both = found.reduce(0) { $0 + ($1[0] - mean) * ($1[1] - greens) } / Double(epochs)
    #expect(abs(both / (0.25 * 0.2175 * 0.2175 * 0.5675 * 0.5808) - 1) < 0.1)
  }

  @Test("brightness factors are uniform in 1 − x…1 + x; no change is no change")
  func factors() throws {
    let found = try colors(ColorJitter(brightness: 0.4), epochs: 2000).map { $0[0] * 255 }
    #expect(found.min()! >= 59 && found.min()! < 62 && found.max()! <= 140 && found.max()! > 138)
    #expect(abs(found.reduce(0, +) / 2000 - 99.5) < 2)
    #expect(try colors(.none, epochs: 3).allSatisfy { abs($0[0] * 255 - 100) < 1e-4 })
  }
}
