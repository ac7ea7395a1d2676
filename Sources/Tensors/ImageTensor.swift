/// A view of a batch of images or activations: a pointer that carries its shape.

/// `images` images of one shape, [N, H, W, C] with C contiguous. A view does not own its memory.
public struct ImageTensor {
  public let base: UnsafeMutablePointer<Float>
  public let images: Int
  public let shape: ImageShape

  @inlinable
  public init(base: UnsafeMutablePointer<Float>, images: Int, shape: ImageShape) {
    self.base = base
    self.images = images
    self.shape = shape
  }

  /// Elements in all: N·H·W·C.
  @inlinable public var count: Int { images * shape.count }

  /// Rows of the matrix [N·H·W, C] that the same memory is.
  @inlinable public var rows: Int { images * shape.area }

  /// Columns of that matrix.
  @inlinable public var channels: Int { shape.channels }
}
