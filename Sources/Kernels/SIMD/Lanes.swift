/// Arithmetic that is written once for sixteen channels and for the channels left over.

/// A vector of sixteen floats, or one float.
protocol Lanes {
  /// Elements of memory that a value covers.
  static var count: Int { get }
  static var zero: Self { get }
  init(_ source: UnsafePointer<Float>, at index: Int)
  func store(to target: UnsafeMutablePointer<Float>, at index: Int)
  static func + (left: Self, right: Self) -> Self
  static func - (left: Self, right: Self) -> Self
  static func * (left: Self, right: Self) -> Self
  func addingProduct(_ left: Self, _ right: Self) -> Self
  /// Negative lanes become 0.
  var rectified: Self { get }
  /// Lanes where `switches` is not positive become 0.
  func masked(by switches: Self) -> Self
}

extension Vector: Lanes {
  @inline(__always) static var count: Int { lanes }

  @inline(__always)
  init(_ source: UnsafePointer<Float>, at index: Int) { self = source.vector(at: index) }

  @inline(__always)
  func store(to target: UnsafeMutablePointer<Float>, at index: Int) {
    target.store(self, at: index)
  }

  @inline(__always)
  var rectified: Self { replacing(with: 0, where: self .< 0) }

  @inline(__always)
  func masked(by switches: Self) -> Self { replacing(with: 0, where: .!(switches .> 0)) }
}

extension Float: Lanes {
  @inline(__always) static var count: Int { 1 }

  @inline(__always)
  init(_ source: UnsafePointer<Float>, at index: Int) { self = source[index] }

  @inline(__always)
  func store(to target: UnsafeMutablePointer<Float>, at index: Int) { target[index] = self }

  @inline(__always)
  var rectified: Self { self < 0 ? 0 : self }

  @inline(__always)
  func masked(by switches: Self) -> Self { switches > 0 ? self : 0 }
}
