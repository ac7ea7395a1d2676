/// Views of a batch of images or activations: a pointer that carries its shape and element type.

/// What the elements of a tensor may be.
public protocol TensorElement: BitwiseCopyable, Sendable {
  static var elementType: ElementType { get }
}

extension Float: TensorElement {
  @inlinable public static var elementType: ElementType { .float32 }
}

extension BFloat16: TensorElement {
  @inlinable public static var elementType: ElementType { .bfloat16 }
}

/// `images` images of one shape, [N, H, W, C] with C contiguous.
///
/// A view does not own its memory: whoever makes it keeps the memory alive while it is used. Kernels
/// take any alignment of `base`; cache lines are fastest.
public struct TensorView<Element: TensorElement> {
  public let base: UnsafeMutablePointer<Element>
  /// N.
  public let images: Int
  /// H, W and C.
  public let shape: ImageShape

  @inlinable
  public init(base: UnsafeMutablePointer<Element>, images: Int, shape: ImageShape) {
    self.base = base
    self.images = images
    self.shape = shape
  }

  /// The element at a position in memory.
  @inlinable
  public subscript(_ index: Int) -> Element { base[index] }

  /// Elements in all: N·H·W·C.
  @inlinable public var count: Int { images * shape.count }

  /// Rows of the matrix [N·H·W, C] that the same memory is.
  @inlinable public var rows: Int { images * shape.area }

  /// Columns of that matrix.
  @inlinable public var channels: Int { shape.channels }
}
