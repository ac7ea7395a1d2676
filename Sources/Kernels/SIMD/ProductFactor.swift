/// What one step of a product multiplies: a float, or two neighbouring bfloat16.

import CProcessor
import Tensors

/// The operands of products, sixteen factors at a time, and how a panel of them is multiplied.
protocol ProductFactor: BitwiseCopyable {
  associatedtype Element: KernelElement
  /// Sixteen factors.
  associatedtype Wide

  /// Elements of a factor: 1 or 2.
  static var elements: Int { get }

  /// Prepares the processor for products until `end`, which takes what this returns.
  static func begin() -> UInt

  static func end(_ state: UInt)

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

  /// Where `pack` leaves the factors of A, by tiles of rows.
  static func packing(steps: Int) -> RowPacking

  /// Packs columns of a matrix as rows of A.
  static func pack(_ columns: MatrixColumns<Self>, into packed: UnsafeMutablePointer<Self>)

  /// Computes the columns of a panel.
  static func multiply<Result: KernelElement>(_ panel: PanelRows<Self, Result>)
}

/// A factor whose products are summed in vector registers, one chain of multiply-adds an element of the result.
protocol VectorFactor: ProductFactor {
  static var zero: Wide { get }

  /// The factor sixteen times.
  var broadcast: Wide { get }

  /// sum + the products of `a` and `b`, element by element.
  static func addProducts(_ sum: Vector, _ a: Wide, _ b: Wide) -> Vector
}

extension Float: VectorFactor {
  typealias Element = Float
  typealias Wide = Vector

  @inline(__always) static var elements: Int { 1 }

  @inline(__always)
  static func begin() -> UInt { 0 }

  @inline(__always)
  static func end(_ state: UInt) {}

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

/// Two bfloat16 that are neighbours in the direction of a sum, the first in the word's lower half.
protocol BFloat16Factor: ProductFactor where Element: BFloat16Element, Wide == SIMD16<UInt32> {
  var bitPattern: UInt32 { get }

  init(bitPattern: UInt32)
}

extension BFloat16Factor {
  @inline(__always) static var elements: Int { 2 }

  @inline(__always)
  static func wide(_ source: UnsafePointer<Self>, at index: Int) -> Wide {
    UnsafeRawPointer(source + index).loadUnaligned(as: Wide.self)
  }

  @inline(__always)
  static func store(_ value: Wide, to target: UnsafeMutablePointer<Self>, at index: Int) {
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
  init(_ first: UnsafePointer<Element>, _ second: UnsafePointer<Element>?, at index: Int) {
    self.init(
      bitPattern: UInt32(first[index].value.bitPattern)
        | (second.map { UInt32($0[index].value.bitPattern) } ?? 0) << 16)
  }
}

/// A factor of two bfloat16 in vector registers.
///
/// A product of two pairs is two fused multiply-adds in Float, the odd elements' first, in which subnormal
/// operands and results are zeros: what Intel's VDPBF16PS computes. The result is the same where two
/// instructions compute it.
struct BFloat16Pair: BFloat16Factor, VectorFactor {
  typealias Element = BFloat16

  let bitPattern: UInt32

  @inline(__always)
  static func begin() -> UInt { pair_products_need_flush() ? flush_subnormals() : 0 }

  @inline(__always)
  static func end(_ state: UInt) {
    if pair_products_need_flush() { restore_subnormals(state) }
  }

  @inline(__always) static var zero: Wide { .zero }

  @inline(__always) var broadcast: Wide { Wide(repeating: bitPattern) }

  @inline(__always)
  static func addProducts(_ sum: Vector, _ a: Wide, _ b: Wide) -> Vector {
    add_pair_products(sum, a, b)
  }
}
