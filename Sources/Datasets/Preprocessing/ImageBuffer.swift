/// Memory for one image after the other, of whatever size.

import Kernels
import Tensors

/// The bytes of one image, [H, W, 3]; grows to the largest image it ever held.
public struct ImageBuffer: ~Copyable {
  /// The shape of the image that is held.
  public private(set) var shape = ImageShape(height: 0, width: 0, channels: 3)
  /// By what the file's own size was divided when it was decoded.
  public private(set) var divisor = 1
  private var storage: AlignedBuffer<UInt8>

  public init() { storage = AlignedBuffer(count: ImageResampling.slack) }

  /// Makes room for an image; what the bytes are afterwards is not said.
  ///
  /// - Parameter divisor: by what the file's own size was divided to get `shape`, rounded up.
  public mutating func reshape(_ shape: ImageShape, divisor: Int = 1) {
    let needed = shape.count + ImageResampling.slack
    // A header may claim more than the file has: memory is taken where pixels are written.
    if needed > storage.count {
      storage = AlignedBuffer(uninitialized: needed)
    }
    self.shape = shape
    self.divisor = divisor
  }

  /// The image's bytes; valid until the next `reshape`.
  public var pixels: MutableVectorView<UInt8> { storage.view[0..<shape.count] }

  /// The same with the bytes after them that resampling may touch.
  var paddedPixels: MutableVectorView<UInt8> {
    storage.view[0..<shape.count + ImageResampling.slack]
  }
}
