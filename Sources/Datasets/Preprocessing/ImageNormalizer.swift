/// One pass from an image's bytes to its place in a batch: crop, flip, normalize.

import Tensors

/// Writes crops of images with black around them, mirrored or not, and then normalized: torchvision's
/// order. A mean image is subtracted at its own place, so it is the same constant for every crop.
struct ImageNormalizer: Sendable {
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
  ///   - rows, columns: how far the image is shifted up and left; zeros follow.
  ///   - target: [H, W, C] floats; overwritten.
  func write(
    _ pixels: MutableVectorView<UInt8>, rows: Int, columns: Int, isFlipped: Bool,
    to target: MutableVectorView<Float>
  ) {
    let (height, width, channels) = (shape.height, shape.width, shape.channels)
    // The columns that come from the image, before mirroring.
    let inside = max(0, -columns)..<max(max(0, -columns), min(width, width - columns))
    offset.withUnsafeBufferPointer { offset in
      scale.withUnsafeBufferPointer { scale in
        for row in 0..<height {
          let first = row * width * channels
          let sourceRow = row + rows
          guard (0..<height).contains(sourceRow), !inside.isEmpty else {
            for place in first..<first + width * channels { target[place] = -offset[place] }
            continue
          }
          let source = (sourceRow * width + columns) * channels
          let filled = isFlipped ? width - inside.upperBound..<width - inside.lowerBound : inside
          for place in first..<first + filled.lowerBound * channels {
            target[place] = -offset[place]
          }
          for place in first + filled.upperBound * channels..<first + width * channels {
            target[place] = -offset[place]
          }
          for column in filled {
            let pixel = source + (isFlipped ? width - 1 - column : column) * channels
            let place = first + column * channels
            for channel in 0..<channels {
              target[place + channel] =
                Float(pixels[pixel + channel]) * scale[channel] - offset[place + channel]
            }
          }
        }
      }
    }
  }

  /// Adds a colour to every pixel.
  ///
  /// - Parameters:
  ///   - color: [C], in units of pixel/255.
  ///   - target: [H, W, C], as written.
  func add(_ color: [Float], to target: MutableVectorView<Float>) {
    let shift = zip(color, scale).map { $0 * 255 * $1 }
    for place in 0..<shape.count { target[place] += shift[place % shape.channels] }
  }
}
