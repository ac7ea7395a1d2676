/// Element types in kernels: arithmetic is in Float, memory is Float or BFloat16.

import CProcessor
import Tensors

/// An element type that kernels read and write, sixteen elements or one at a time.
protocol KernelElement: TensorElement {
  /// What one step of a product multiplies.
  associatedtype Factor: ProductFactor where Factor.Element == Self

  /// Whether a partial sum may be stored as this type without rounding.
  static var holdsSums: Bool { get }

  static var zero: Self { get }

  /// The nearest number of the type.
  init(rounding value: Float)

  /// The same number.
  var float: Float { get }

  /// Sixteen elements from `index` on, of any alignment.
  static func vector(_ source: UnsafePointer<Self>, at index: Int) -> Vector

  /// Rounds and stores sixteen elements, of any alignment.
  static func store(_ value: Vector, to target: UnsafeMutablePointer<Self>, at index: Int)

  /// Copies sixteen elements, of any alignment.
  static func copy(
    _ source: UnsafePointer<Self>, to target: UnsafeMutablePointer<Self>, at index: Int)

  /// Copies sixteen elements to memory past the caches; both addresses suit the elements' bytes.
  static func stream(_ source: UnsafePointer<Self>, to target: UnsafeMutablePointer<Self>)
}

extension Float: KernelElement {
  typealias Factor = Float

  @inline(__always) static var holdsSums: Bool { true }

  @inline(__always)
  init(rounding value: Float) { self = value }

  @inline(__always)
  var float: Float { self }

  @inline(__always)
  static func vector(_ source: UnsafePointer<Float>, at index: Int) -> Vector {
    source.vector(at: index)
  }

  @inline(__always)
  static func store(_ value: Vector, to target: UnsafeMutablePointer<Float>, at index: Int) {
    target.store(value, at: index)
  }

  @inline(__always)
  static func copy(
    _ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, at index: Int
  ) {
    target.store(source.vector(at: index), at: index)
  }

  @inline(__always)
  static func stream(_ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>) {
    stream_line(source, target)
  }
}

/// An element whose memory is a bfloat16.
protocol BFloat16Element: KernelElement {
  var value: BFloat16 { get }

  init(_ value: BFloat16)
}

extension BFloat16Element {
  @inline(__always) static var holdsSums: Bool { false }

  @inline(__always)
  static var zero: Self { Self(BFloat16(bitPattern: 0)) }

  /// Rounds to nearest, ties to even; subnormal numbers become zero, as in the processor's instruction.
  @inline(__always)
  init(rounding value: Float) {
    self.init(BFloat16(value.isSubnormal ? Float(signOf: value, magnitudeOf: 0) : value))
  }

  @inline(__always)
  var float: Float { Float(value) }

  @inline(__always)
  static func vector(_ source: UnsafePointer<Self>, at index: Int) -> Vector {
    widen_bfloat16(halves(source, at: index))
  }

  @inline(__always)
  static func store(_ value: Vector, to target: UnsafeMutablePointer<Self>, at index: Int) {
    UnsafeMutableRawPointer(target + index).storeBytes(
      of: round_to_bfloat16(value), as: SIMD16<UInt16>.self)
  }

  @inline(__always)
  static func copy(
    _ source: UnsafePointer<Self>, to target: UnsafeMutablePointer<Self>, at index: Int
  ) {
    UnsafeMutableRawPointer(target + index).storeBytes(
      of: halves(source, at: index), as: SIMD16<UInt16>.self)
  }

  @inline(__always)
  static func stream(_ source: UnsafePointer<Self>, to target: UnsafeMutablePointer<Self>) {
    stream_half_line(source, target)
  }

  /// Sixteen elements from `index` on as bit patterns, of any alignment.
  @inline(__always)
  private static func halves(_ source: UnsafePointer<Self>, at index: Int) -> SIMD16<UInt16> {
    UnsafeRawPointer(source + index).loadUnaligned(as: SIMD16<UInt16>.self)
  }
}

extension BFloat16: BFloat16Element {
  typealias Factor = BFloat16Pair

  @inline(__always) var value: BFloat16 { self }

  @inline(__always)
  init(_ value: BFloat16) { self = value }
}

extension BFloat16 {
  /// Sixteen elements from `index` on as bit patterns, rounded where they are Float.
  @inline(__always)
  static func halves<Source: KernelElement>(
    _ source: UnsafePointer<Source>, at index: Int
  ) -> SIMD16<UInt16> {
    if Source.elementType == .bfloat16 {
      return UnsafeRawPointer(source + index).loadUnaligned(as: SIMD16<UInt16>.self)
    }
    return round_to_bfloat16(Vector(source, at: index))
  }
}

extension UnsafeMutablePointer<Float> {
  /// Scratch as elements of another type.
  @inline(__always)
  func elements<Element: KernelElement>(
    of type: Element.Type = Element.self
  ) -> UnsafeMutablePointer<Element> {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: Element.self)
  }

  /// Scratch as factors of products of `Element`; a factor has a float's size.
  @inline(__always)
  func factors<Element: KernelElement>(
    of type: Element.Type
  ) -> UnsafeMutablePointer<Element.Factor> {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: Element.Factor.self)
  }
}

extension UnsafePointer<Float> {
  /// Prepared weights as factors of products of `Element`.
  @inline(__always)
  func factors<Element: KernelElement>(of type: Element.Type) -> UnsafePointer<Element.Factor> {
    UnsafeRawPointer(self).assumingMemoryBound(to: Element.Factor.self)
  }
}

extension UnsafePointer where Pointee: KernelElement {
  /// The elements as factors of products, from a whole factor on.
  @inline(__always)
  var factors: UnsafePointer<Pointee.Factor> {
    UnsafeRawPointer(self).assumingMemoryBound(to: Pointee.Factor.self)
  }
}
