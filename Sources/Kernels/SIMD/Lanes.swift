/// Arithmetic that is written once for sixteen channels and for the channels left over.

/// A vector of sixteen floats, or one float.
protocol Lanes {
  static var zero: Self { get }
  init<Element: KernelElement>(_ source: UnsafePointer<Element>, at index: Int)
  func store<Element: KernelElement>(to target: UnsafeMutablePointer<Element>, at index: Int)
  static func + (left: Self, right: Self) -> Self
  static func - (left: Self, right: Self) -> Self
  static func * (left: Self, right: Self) -> Self
  static func / (left: Self, right: Self) -> Self
  init(repeating value: Float)
  func squareRoot() -> Self
  func addingProduct(_ left: Self, _ right: Self) -> Self
  /// Negative lanes become 0.
  var rectified: Self { get }
  /// Lanes where `switches` is not positive become 0.
  func masked(by switches: Self) -> Self
}

extension Vector: Lanes {
  @inline(__always)
  init<Element: KernelElement>(_ source: UnsafePointer<Element>, at index: Int) {
    self = Element.vector(source, at: index)
  }

  @inline(__always)
  func store<Element: KernelElement>(to target: UnsafeMutablePointer<Element>, at index: Int) {
    Element.store(self, to: target, at: index)
  }

  @inline(__always)
  var rectified: Self { replacing(with: 0, where: self .< 0) }

  @inline(__always)
  func masked(by switches: Self) -> Self { replacing(with: 0, where: .!(switches .> 0)) }
}

extension Float: Lanes {
  @inline(__always)
  init(repeating value: Float) { self = value }

  @inline(__always)
  init<Element: KernelElement>(_ source: UnsafePointer<Element>, at index: Int) {
    self = source[index].float
  }

  @inline(__always)
  func store<Element: KernelElement>(to target: UnsafeMutablePointer<Element>, at index: Int) {
    target[index] = Element(rounding: self)
  }

  @inline(__always)
  var rectified: Self { self < 0 ? 0 : self }

  @inline(__always)
  func masked(by switches: Self) -> Self { switches > 0 ? self : 0 }
}
