/// Images made of random numbers that a network can learn to tell apart, for tests and benchmarks.

import Randomness
import Tensors

/// A smooth random pattern per class; every image is its class's pattern, shifted by up to an eighth
/// of the image, at its own contrast, with noise on top.
///
/// Additions, multiplications and roundings only: the same arguments give the same bytes on every
/// machine. The splits share the patterns and differ in everything else. Nothing is stored but the
/// patterns' grids.
public struct SyntheticImages: ImageSource {
  public let name: String
  public let count: Int
  public let classNames: [String]
  public var imageShape: ImageShape? { shape }
  public let fingerprint: String
  private let shape: ImageShape
  private let seed: UInt64
  private let split: DatasetSplit
  /// [classes, 4, 4, C] in −1…1; the pattern interpolates them, its edges meeting.
  private let grids: [Float]

  private static let cells = 4

  /// - Precondition: positive counts and shape.
  public init(
    count: Int, classCount: Int,
    shape: ImageShape = ImageShape(height: 32, width: 32, channels: 3), seed: UInt64,
    split: DatasetSplit
  ) {
    precondition(count > 0 && classCount > 0 && shape.height > 0 && shape.width > 0)
    precondition(shape.channels > 0)
    (self.count, self.shape, self.seed, self.split) = (count, shape, seed, split)
    classNames = (0..<classCount).map { "class \($0)" }
    name = "synthetic, \(split.describe(count: count)) with seed \(seed)"
    grids = (0..<classCount).flatMap { label in
      var random = CounterStream(seed: seed, purpose: .syntheticData, epoch: 0, index: label)
      return (0..<Self.cells * Self.cells * shape.channels).map { _ in
        Float(random.nextUniform() * 2 - 1)
      }
    }
    var fingerprint = Fingerprint()
    fingerprint.add("synthetic 1 \(split.rawValue)")
    for number in [
      count, classCount, shape.height, shape.width, shape.channels, Int(truncatingIfNeeded: seed),
    ] {
      fingerprint.add(number)
    }
    self.fingerprint = fingerprint.hexadecimal()
  }

  /// The classes take turns.
  public func label(at index: Int) -> Int {
    precondition((0..<count).contains(index))
    return index % classNames.count
  }

  public func read(
    _ index: Int, into image: inout ImageBuffer, divisor: (ImageShape) -> Int
  ) {
    image.reshape(shape)
    let pixels = image.pixels
    let (cells, channels) = (Self.cells, shape.channels)
    let grid = label(at: index) * cells * cells * channels
    // Epoch 0 belongs to the patterns.
    var random = CounterStream(
      seed: seed, purpose: .syntheticData, epoch: split == .train ? 1 : 2, index: index)
    let rows = Self.places(shape.height, shift: random.nextUniform())
    let columns = Self.places(shape.width, shift: random.nextUniform())
    let contrast = Float(48 + 48 * random.nextUniform())
    var noise: UInt32 = 0
    var position = 0
    for row in rows {
      for column in columns {
        for c in 0..<channels {
          func corner(_ y: Int, _ x: Int) -> Float { grids[grid + (y * cells + x) * channels + c] }
          let top =
            corner(row.low, column.low) * (1 - column.part)
            + corner(row.low, column.high) * column.part
          let bottom =
            corner(row.high, column.low) * (1 - column.part)
            + corner(row.high, column.high) * column.part
          let pattern = top * (1 - row.part) + bottom * row.part
          // Each word is the noise of four values: −32…31.
          if position.isMultiple(of: 4) { noise = random.nextWord() }
          let value = 128 + contrast * pattern + Float(Int(noise & 0xFF) / 4 - 32)
          pixels[position] = UInt8(min(max(value.rounded(), 0), 255))
          noise >>= 8
          position += 1
        }
      }
    }
  }

  /// The two grid lines around each pixel, and how far it is from the first to the second.
  ///
  /// - Parameter shift: in 0…1, for −1/8…1/8 of the image.
  private static func places(
    _ size: Int, shift: Double
  ) -> [(low: Int, high: Int, part: Float)] {
    (0..<size).map { position in
      let place = (Double(position) / Double(size) + 1 + (shift - 0.5) / 4) * Double(cells)
      let low = place.rounded(.down)
      return (Int(low) % cells, (Int(low) + 1) % cells, Float(place - low))
    }
  }
}
