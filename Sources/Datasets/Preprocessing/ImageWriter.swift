/// One pass from an image's bytes to its place in a batch: crop, flip, normalize.

import Tensors

/// Writes normalized images; padding is 0 after normalization (as in fb.resnet.torch, which pads
/// after normalizing), so with a mean image it is the mean and not black.
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
          let output = target + row * width * channels
          let sourceRow = row + draw.row
          guard sourceRow >= 0, sourceRow < height else {
            output.update(repeating: 0, count: width * channels)
            continue
          }
          for column in 0..<width {
            let sourceColumn = (draw.isFlipped ? width - 1 - column : column) + draw.column
            let place = output + column * channels
            guard sourceColumn >= 0, sourceColumn < width else {
              place.update(repeating: 0, count: channels)
              continue
            }
            let source = (sourceRow * width + sourceColumn) * channels
            for channel in 0..<channels {
              place[channel] =
                Float(pixels[source + channel]) * scale[channel] - offset[source + channel]
            }
          }
        }
      }
    }
  }
}
