/// Random changes of an image's colours in training.

import Foundation
import Randomness

/// Brightness, contrast and saturation as torchvision's `ColorJitter` changes those of PIL images, and
/// noise along the principal colours (Krizhevsky et al. 2012, §4.1).
public struct ColorJitter: Equatable, Sendable {
  /// The factor is drawn from 1 − x…1 + x; 0: no change.
  public var brightness: Double
  public var contrast: Double
  public var saturation: Double
  /// The deviation of the noise in terms of the colours' own along each principal axis; 0: none.
  public var pcaNoise: Double

  public static let none = ColorJitter()

  public init(
    brightness: Double = 0, contrast: Double = 0, saturation: Double = 0, pcaNoise: Double = 0
  ) {
    precondition(min(brightness, contrast, saturation, pcaNoise) >= 0)
    (self.brightness, self.contrast) = (brightness, contrast)
    (self.saturation, self.pcaNoise) = (saturation, pcaNoise)
  }

  /// ImageNet's principal colours, in units of pixel/255: the square roots of the eigenvalues of the
  /// pixels' covariance, and the eigenvectors [R, G, B][axis].
  private static let axes: (deviations: [Double], vectors: [[Double]]) = (
    [0.2175, 0.0188, 0.0045],
    [
      [-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203],
    ]
  )

  /// What happens to one sample.
  struct Draw: Equatable {
    /// In this order.
    var blends: [Blend] = []
    /// Added to red, green and blue, in units of pixel/255.
    var shift: [Float]?
  }

  /// One factor of `ColorJitter`.
  package struct Blend: Equatable {
    package enum Kind { case brightness, contrast, saturation }
    let kind: Kind
    let factor: Float

    package init(kind: Kind, factor: Float) { (self.kind, self.factor) = (kind, factor) }
  }

  func draw(from stream: inout CounterStream) -> Draw {
    var draw = Draw()
    let ranges: [(Blend.Kind, Double)] = [
      (.brightness, brightness), (.contrast, contrast), (.saturation, saturation),
    ]
    for (kind, reach) in ranges where reach > 0 {
      let low = max(0, 1 - reach)
      let factor = low + (1 + reach - low) * stream.nextUniform()
      draw.blends.insert(
        Blend(kind: kind, factor: Float(factor)), at: stream.next(below: draw.blends.count + 1))
    }
    if pcaNoise > 0 {
      let amounts = Self.axes.deviations.map { deviation in
        deviation * pcaNoise * stream.nextNormal()
      }
      draw.shift = Self.axes.vectors.map { vector in
        Float(zip(vector, amounts).reduce(0) { $0 + $1.0 * $1.1 })
      }
    }
    return draw
  }
}

extension ImageBuffer {
  /// Blends the image with black, its mean grey, or itself in grey, in Pillow's rounding.
  package func blend(_ blend: ColorJitter.Blend) {
    let (pixels, count) = (pixels, shape.area)
    func grey(_ pixel: Int) -> Int {
      let (red, green) = (Int(pixels[pixel * 3]), Int(pixels[pixel * 3 + 1]))
      return (red * 19_595 + green * 38_470 + Int(pixels[pixel * 3 + 2]) * 7_471 + 0x8000) >> 16
    }
    func move(_ place: Int, from base: Int) {
      pixels[place] = pixels[place].blended(from: base, factor: blend.factor)
    }
    switch blend.kind {
    case .brightness:
      for place in 0..<count * 3 { move(place, from: 0) }
    case .contrast:
      let sum = (0..<count).reduce(0) { $0 + grey($1) }
      let mean = Int(Double(sum) / Double(count) + 0.5)
      for place in 0..<count * 3 { move(place, from: mean) }
    case .saturation:
      for pixel in 0..<count {
        let grey = grey(pixel)
        for channel in 0..<3 { move(pixel * 3 + channel, from: grey) }
      }
    }
  }
}

extension UInt8 {
  /// The value at `factor` times the way from `base` to here, in Pillow's rounding.
  func blended(from base: Int, factor: Float) -> UInt8 {
    UInt8(Swift.min(Swift.max(Float(base) + factor * Float(Int(self) - base), 0), 255))
  }
}
