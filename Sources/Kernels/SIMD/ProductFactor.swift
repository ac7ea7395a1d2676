/// What one step of a product multiplies: a float, or two neighbouring bfloat16.

import CProcessor
import Tensors

/// The arithmetic of products, on sixteen factors at a time.
protocol ProductFactor: BitwiseCopyable {
  associatedtype Element: KernelElement
  /// Sixteen factors.
  associatedtype Wide

  /// Elements of a factor: 1 or 2.
  static var elements: Int { get }

  static var zero: Wide { get }

  /// The factor sixteen times.
  var broadcast: Wide { get }

  /// Sixteen factors from `index` on, of any alignment.
  static func wide(_ source: UnsafePointer<Self>, at index: Int) -> Wide

  static func store(_ value: Wide, to target: UnsafeMutablePointer<Self>, at index: Int)

  /// Sixteen factors whose elements are those of `first` and, where a factor has two, of `second`.
  static func combine(_ first: Vector, _ second: Vector) -> Wide

  /// The same of elements in memory; a `second` that is nil is zeros.
  static func combine<Source: KernelElement>(
    _ first: UnsafePointer<Source>, _ second: UnsafePointer<Source>?, at index: Int
  ) -> Wide

  /// One of those factors.
  init(_ first: UnsafePointer<Element>, _ second: UnsafePointer<Element>?, at index: Int)

  /// sum + the products of `a` and `b`, element by element.
  static func addProducts(_ sum: Vector, _ a: Wide, _ b: Wide) -> Vector
}

extension Float: ProductFactor {
  typealias Element = Float
  typealias Wide = Vector

  @inline(__always) static var elements: Int { 1 }

  @inline(__always) static var zero: Vector { .zero }

  @inline(__always) var broadcast: Vector { Vector(repeating: self) }

  @inline(__always)
  static func wide(_ source: UnsafePointer<Float>, at index: Int) -> Vector {
    source.vector(at: index)
  }

  @inline(__always)
  static func combine(_ first: Vector, _ second: Vector) -> Vector { first }

  @inline(__always)
  static func combine<Source: KernelElement>(
    _ first: UnsafePointer<Source>, _ second: UnsafePointer<Source>?, at index: Int
  ) -> Vector { Vector(first, at: index) }

  @inline(__always)
  init(_ first: UnsafePointer<Float>, _ second: UnsafePointer<Float>?, at index: Int) {
    self = first[index]
  }

  @inline(__always)
  static func addProducts(_ sum: Vector, _ a: Vector, _ b: Vector) -> Vector {
    sum.addingProduct(a, b)
  }
}

/// Two bfloat16 that are neighbours in the direction of a sum.
///
/// A product of two pairs is two fused multiply-adds in Float, the odd elements' first, in which subnormal
/// operands and results are zeros: what Intel's VDPBF16PS computes. The result is the same where two
/// instructions compute it.
struct BFloat16Pair: BitwiseCopyable, ProductFactor {
  typealias Element = BFloat16
  typealias Wide = SIMD16<UInt32>

  /// The first element in the lower half.
  let bitPattern: UInt32

  @inline(__always) static var elements: Int { 2 }

  @inline(__always) static var zero: Wide { .zero }

  @inline(__always) var broadcast: Wide { Wide(repeating: bitPattern) }

  @inline(__always)
  static func wide(_ source: UnsafePointer<BFloat16Pair>, at index: Int) -> Wide {
    UnsafeRawPointer(source + index).loadUnaligned(as: Wide.self)
  }

  @inline(__always)
  static func store(_ value: Wide, to target: UnsafeMutablePointer<BFloat16Pair>, at index: Int) {
    UnsafeMutableRawPointer(target + index).storeBytes(of: value, as: Wide.self)
  }

  @inline(__always)
  static func combine(_ first: Vector, _ second: Vector) -> Wide {
    pair_halves(round_to_bfloat16(first), round_to_bfloat16(second))
  }

  @inline(__always)
  static func combine<Source: KernelElement>(
    _ first: UnsafePointer<Source>, _ second: UnsafePointer<Source>?, at index: Int
  ) -> Wide {
    pair_halves(
      BFloat16.halves(first, at: index),
      second.map { BFloat16.halves($0, at: index) } ?? .zero)
  }

  @inline(__always)
  init(_ first: UnsafePointer<BFloat16>, _ second: UnsafePointer<BFloat16>?, at index: Int) {
    bitPattern =
      UInt32(first[index].bitPattern) | (second.map { UInt32($0[index].bitPattern) } ?? 0) << 16
  }

  @inline(__always)
  static func addProducts(_ sum: Vector, _ a: Wide, _ b: Wide) -> Vector {
    add_pair_products(sum, a, b)
  }
}
