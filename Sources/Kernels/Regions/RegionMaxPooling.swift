/// RoI pooling: the maxima of the parts of regions of a feature map (Girshick 2015, arXiv 1504.08083, §2.1).

import Tensors

/// Cuts a map of `height`×`width` out of a feature map for each region: in each part of the region, whose
/// borders are rounded to positions, the highest value of each channel, as torchvision's `roi_pool`.
public struct RegionMaxPooling: Hashable, Sendable {
  /// Of the result.
  public let height: Int
  public let width: Int
  /// Positions of the map for each pixel of the regions.
  public let scale: Float

  /// The argmax of a part without positions.
  private static let nobody: Int32 = -1

  public init(height: Int, width: Int, scale: Float) {
    require(height > 0 && width > 0 && scale > 0, "RoI pooling has parts and a scale")
    self.height = height
    self.width = width
    self.scale = scale
  }

  /// The positions of each part of a region along one axis.
  private func parts(
    from low: Float, to high: Float, count: Int, size: Int
  ) -> [Range<Int>] {
    let first = Int((low * scale).rounded())
    let last = Int((high * scale).rounded())
    let part = Float(max(last - first + 1, 1)) / Float(count)
    return (0..<count).map { place in
      let begin = Int((Float(place) * part).rounded(.down)) + first
      let end = Int((Float(place + 1) * part).rounded(.up)) + first
      let clipped = min(max(begin, 0), size)
      return clipped..<max(clipped, min(max(end, 0), size))
    }
  }

  /// - Parameters:
  ///   - features: [1, H, W, C].
  ///   - output: [regions, height, width, C]; overwritten.
  ///   - argmax: likewise; the position of each maximum, or -1; overwritten.
  public func forward(
    features: ImageTensor, regions: RegionRows, output: ImageTensor,
    argmax: UnsafeMutablePointer<Int32>
  ) {
    switch features.element {
    case .float32: forward(features.view(of: Float.self), regions, output.view(), argmax)
    case .bfloat16: forward(features.view(of: BFloat16.self), regions, output.view(), argmax)
    }
  }

  private func forward<Element: KernelElement>(
    _ features: TensorView<Element>, _ regions: RegionRows, _ output: TensorView<Element>,
    _ argmax: UnsafeMutablePointer<Int32>
  ) {
    let (shape, channels) = (features.shape, features.channels)
    require(
      features.images == 1 && output.images == regions.count
        && output.shape == ImageShape(height: height, width: width, channels: channels),
      "RoI pooling's result has a map of the features' channels for each region")
    for region in 0..<regions.count {
      let box = regions[region]
      let rows = parts(from: box[1], to: box[3], count: height, size: shape.height)
      let columns = parts(from: box[0], to: box[2], count: width, size: shape.width)
      for row in 0..<height {
        for column in 0..<width {
          let first = ((region * height + row) * width + column) * channels
          let (y, winner) = (output.base + first, argmax + first)
          for channel in 0..<channels {
            y[channel] = Element(rounding: 0)
            winner[channel] = Self.nobody
          }
          for mapRow in rows[row] {
            for mapColumn in columns[column] {
              let position = mapRow * shape.width + mapColumn
              let x = features.base + position * channels
              for channel in 0..<channels
              where winner[channel] == Self.nobody || x[channel].float > y[channel].float {
                y[channel] = x[channel]
                winner[channel] = Int32(position)
              }
            }
          }
        }
      }
    }
  }

  /// Adds the features' gradient to `featureGradient`, [H, W, C].
  ///
  /// - Parameters:
  ///   - outputGradient: [regions, height, width, C].
  ///   - argmax: of the forward pass.
  public func backward(
    outputGradient: ImageTensor, argmax: UnsafePointer<Int32>,
    featureGradient: UnsafeMutablePointer<Float>
  ) {
    require(
      outputGradient.shape.height == height && outputGradient.shape.width == width,
      "RoI pooling's gradient has a map of the parts for each region")
    switch outputGradient.element {
    case .float32: backward(outputGradient.view(of: Float.self), argmax, featureGradient)
    case .bfloat16: backward(outputGradient.view(of: BFloat16.self), argmax, featureGradient)
    }
  }

  private func backward<Element: KernelElement>(
    _ outputGradient: TensorView<Element>, _ argmax: UnsafePointer<Int32>,
    _ featureGradient: UnsafeMutablePointer<Float>
  ) {
    let channels = outputGradient.channels
    for first in stride(from: 0, to: outputGradient.count, by: channels) {
      for channel in 0..<channels where argmax[first + channel] != Self.nobody {
        featureGradient[Int(argmax[first + channel]) * channels + channel] +=
          outputGradient.base[first + channel].float
      }
    }
  }
}
