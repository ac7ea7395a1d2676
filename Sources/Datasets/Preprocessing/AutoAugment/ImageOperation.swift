/// The operations that automatic augmentation draws from, as torchvision applies them to PIL images.

import Tensors

/// One change of a whole image, bit for bit torchvision's `_apply_op` on PIL images with bilinear
/// interpolation; what is outside the image is black.
package enum ImageOperation: Equatable, Sendable {
  case identity
  /// Rows are moved by `amount` times their height in the image.
  case shearX(Double)
  /// Columns are moved by `amount` times their place in the image.
  case shearY(Double)
  /// In pixels; the part after the point is cut off.
  case translateX(Double)
  case translateY(Double)
  /// In degrees, anticlockwise.
  case rotate(Double)
  /// The change of the factor from 1.
  case brightness(Double)
  case color(Double)
  case contrast(Double)
  case sharpness(Double)
  /// Bits of each value that are kept.
  case posterize(Int)
  /// Values from there on are inverted.
  case solarize(Double)
  case autoContrast
  case equalize
}

extension ImageBuffer {
  /// Applies an operation.
  ///
  /// - Parameter scratch: memory for another image of the same size.
  package mutating func apply(_ operation: ImageOperation, scratch: inout ImageBuffer) {
    switch operation {
    case .identity: break
    case .shearX(let amount): transform(.init(xPerY: amount), scratch: &scratch)
    case .shearY(let amount): transform(.init(yPerX: amount), scratch: &scratch)
    case .translateX(let pixels):
      transform(.init(x: -pixels.rounded(.towardZero)), scratch: &scratch)
    case .translateY(let pixels):
      transform(.init(y: -pixels.rounded(.towardZero)), scratch: &scratch)
    case .rotate(let degrees): rotate(degrees: degrees, scratch: &scratch)
    case .brightness(let change): blend(.init(kind: .brightness, factor: Float(1 + change)))
    case .color(let change): blend(.init(kind: .saturation, factor: Float(1 + change)))
    case .contrast(let change): blend(.init(kind: .contrast, factor: Float(1 + change)))
    case .sharpness(let change): sharpen(factor: Float(1 + change), scratch: &scratch)
    case .posterize(let bits): map { $0 & ~UInt8((1 << (8 - bits)) - 1) }
    case .solarize(let threshold): map { Double($0) < threshold ? $0 : 255 - $0 }
    case .autoContrast: mapChannels { ValueCurves.stretched($0) }
    case .equalize: mapChannels { ValueCurves.equalized($0) }
    }
  }

  /// Replaces each value.
  private func map(_ change: (UInt8) -> UInt8) {
    let curve = (0...255).map { change(UInt8($0)) }
    mapChannels { _ in curve }
  }

  /// Replaces the values of each channel by what a curve makes of them.
  ///
  /// - Parameter curve: from a channel's histogram, 256 counts, to 256 values; nil: the channel stays.
  private func mapChannels(_ curve: (_ histogram: [Int]) -> [UInt8]?) {
    let (pixels, channels) = (pixels, shape.channels)
    for channel in 0..<channels {
      let places = stride(from: channel, to: shape.count, by: channels)
      var histogram = [Int](repeating: 0, count: 256)
      for place in places { histogram[Int(pixels[place])] += 1 }
      guard let curve = curve(histogram) else { continue }
      for place in places { pixels[place] = curve[Int(pixels[place])] }
    }
  }

  /// Blends the image with itself smoothed; borders stay as they are.
  private mutating func sharpen(factor: Float, scratch: inout ImageBuffer) {
    let (height, width, channels) = (shape.height, shape.width, shape.channels)
    scratch.reshape(shape)
    let (pixels, smooth) = (pixels, scratch.pixels)
    smooth.update(from: VectorView(pixels))
    // Pillow's sums, in its order, in Float.
    let (side, centre) = (Float(1) / 13, Float(5) / 13)
    let pitch = width * channels
    func row(_ place: Int, _ middle: Float) -> Float {
      Float(pixels[place - channels]) * side + Float(pixels[place]) * middle
        + Float(pixels[place + channels]) * side
    }
    if height > 2, width > 2 {
      for line in 1..<height - 1 {
        for place in line * pitch + channels..<(line + 1) * pitch - channels {
          var sum: Float = 0.5
          sum += row(place + pitch, side)
          sum += row(place, centre)
          sum += row(place - pitch, side)
          smooth[place] = UInt8(min(max(sum, 0), 255))
        }
      }
    }
    for place in 0..<shape.count {
      pixels[place] = pixels[place].blended(from: Int(smooth[place]), factor: factor)
    }
  }
}
