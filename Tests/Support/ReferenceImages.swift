/// Activations of the reference layers: a Float64 array with its NHWC shape.

/// A batch of images, `values[((n·H + h)·W + w)·C + c]`.
public struct ReferenceImages: Equatable, Sendable {
  public var images: Int
  public var height: Int
  public var width: Int
  public var channels: Int
  public var values: [Double]

  /// - Precondition: `values` has N·H·W·C elements.
  public init(images: Int, height: Int, width: Int, channels: Int, values: [Double]) {
    precondition(values.count == images * height * width * channels)
    (self.images, self.height, self.width, self.channels) = (images, height, width, channels)
    self.values = values
  }

  /// All zeros.
  public init(images: Int, height: Int, width: Int, channels: Int) {
    self.init(
      images: images, height: height, width: width, channels: channels,
      values: Array(repeating: 0, count: images * height * width * channels))
  }

  public subscript(n: Int, h: Int, w: Int, c: Int) -> Double {
    get { values[((n * height + h) * width + w) * channels + c] }
    set { values[((n * height + h) * width + w) * channels + c] = newValue }
  }
}
