/// One pass from an image's bytes to its place in a batch: crop, flip, normalize.

import Tensors

/// Writes crops of images with black around them, mirrored or not, and then normalized: torchvision's
/// order. A mean image is subtracted at its own place, so it is the same constant for every crop.
struct ImageWriter: Sendable {
  private let shape: ImageShape
  /// [C], 1 / (255·deviation).
  private let scale: [Float]
  /// [H, W, C], mean / deviation.
  private let offset: [Float]

  init(_ normalization: Normalization, shape: ImageShape) {
    self.shape = shape
    let deviation = normalization.deviation
    precondition(deviation.count == shape.channels, "a deviation for each channel")
    scale = deviation.map { 1 / (255 * $0) }
    let mean: [Float]
    switch normalization.mean {
    case .perPixel(let image):
      precondition(image.count == shape.count, "a mean image of the images' shape")
      mean = image
    case .perChannel(let values):
      precondition(values.count == shape.channels, "a mean for each channel")
      mean = (0..<shape.count).map { values[$0 % shape.channels] }
    }
    offset = mean.indices.map { mean[$0] / deviation[$0 % shape.channels] }
  }

  /// - Parameters:
  ///   - pixels: [H, W, C] bytes.
  ///   - target: [H, W, C] floats; overwritten.
  func write(
    _ pixels: UnsafeBufferPointer<UInt8>, _ draw: Augmentation.Draw,
    to target: UnsafeMutablePointer<Float>
  ) {
    let (height, width, channels) = (shape.height, shape.width, shape.channels)
    offset.withUnsafeBufferPointer { offset in
      scale.withUnsafeBufferPointer { scale in
        for row in 0..<height {
          let sourceRow = row + draw.row
          let isInside = sourceRow >= 0 && sourceRow < height
          for column in 0..<width {
            let sourceColumn = (draw.isFlipped ? width - 1 - column : column) + draw.column
            let place = (row * width + column) * channels
            if isInside, sourceColumn >= 0, sourceColumn < width {
              let source = (sourceRow * width + sourceColumn) * channels
              for channel in 0..<channels {
                target[place + channel] =
                  Float(pixels[source + channel]) * scale[channel] - offset[place + channel]
              }
            } else {
              for channel in 0..<channels { target[place + channel] = -offset[place + channel] }
            }
          }
        }
      }
    }
  }
}
