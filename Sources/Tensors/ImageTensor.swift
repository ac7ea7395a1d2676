/// What layers hand to kernels: a tensor whose element type is a value.

/// A `TensorView` of Float or BFloat16, [N, H, W, C] with C contiguous.
///
/// Kernels ask for the element type once a call and go on with a `TensorView` of it.
public struct ImageTensor {
  public let memory: UnsafeMutableRawPointer
  /// N.
  public let images: Int
  /// H, W and C.
  public let shape: ImageShape
  public let element: ElementType

  @inlinable
  public init(
    memory: UnsafeMutableRawPointer, images: Int, shape: ImageShape, element: ElementType
  ) {
    self.memory = memory
    self.images = images
    self.shape = shape
    self.element = element
  }

  /// A tensor of elements of the pointer's type.
  @inlinable
  public init<Element: TensorElement>(
    base: UnsafeMutablePointer<Element>, images: Int, shape: ImageShape
  ) {
    self.init(
      memory: UnsafeMutableRawPointer(base), images: images, shape: shape,
      element: Element.elementType)
  }

  /// The same tensor.
  @inlinable
  public init<Element: TensorElement>(_ view: TensorView<Element>) {
    self.init(base: view.base, images: view.images, shape: view.shape)
  }

  /// Elements in all: N·H·W·C.
  @inlinable public var count: Int { images * shape.count }

  /// Bytes in all.
  @inlinable public var byteCount: Int { count * element.stride }

  /// Rows of the matrix [N·H·W, C] that the same memory is.
  @inlinable public var rows: Int { images * shape.area }

  /// Columns of that matrix.
  @inlinable public var channels: Int { shape.channels }

  /// The images `range` of this tensor.
  @inlinable
  public func images(_ range: Range<Int>) -> ImageTensor {
    ImageTensor(
      memory: memory + range.lowerBound * shape.count * element.stride, images: range.count,
      shape: shape, element: element)
  }

  // MARK: Typed

  /// The same tensor, for kernels.
  ///
  /// - Precondition: its elements are of that type; it is checked in every build.
  @inlinable
  public func view<Element: TensorElement>(
    of type: Element.Type = Element.self
  ) -> TensorView<Element> {
    if element != Element.elementType { stopAtElements() }
    return TensorView(
      base: memory.assumingMemoryBound(to: Element.self), images: images, shape: shape)
  }

  /// The first element of a tensor of Float.
  ///
  /// - Precondition: it is one; that is checked in every build.
  @inlinable
  public var base: UnsafeMutablePointer<Float> { view(of: Float.self).base }

  /// The element at a position in the memory of a tensor of Float.
  @inlinable
  public subscript(_ index: Int) -> Float { base[index] }

  @usableFromInline @inline(never)
  func stopAtElements() -> Never {
    fatalError("a tensor of \(element) where one of another element type is expected")
  }
}
