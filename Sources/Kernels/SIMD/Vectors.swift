/// Loads, stores and loops over channels in vectors of one cache line.

import CProcessor
import Tensors

/// Sixteen floats: one cache line, one AVX-512 register.
typealias Vector = SIMD16<Float>

extension Vector {
  static let lanes = 16
}

extension UnsafePointer<Float> {
  /// Sixteen elements from `index` on, of any alignment.
  @inline(__always)
  func vector(at index: Int) -> Vector {
    UnsafeRawPointer(self + index).loadUnaligned(as: Vector.self)
  }
}

extension UnsafeMutablePointer<Float> {
  /// Sixteen elements from `index` on, of any alignment.
  @inline(__always)
  func vector(at index: Int) -> Vector {
    UnsafeRawPointer(self + index).loadUnaligned(as: Vector.self)
  }

  @inline(__always)
  func store(_ value: Vector, at index: Int) {
    UnsafeMutableRawPointer(self + index).storeBytes(of: value, as: Vector.self)
  }
}

/// Calls `wide` for each full group of sixteen channels and `narrow` for each channel left over.
@inline(__always)
func forEachChannelGroup(_ channels: Int, wide: (Int) -> Void, narrow: (Int) -> Void) {
  var channel = 0
  while channel + Vector.lanes <= channels {
    wide(channel)
    channel += Vector.lanes
  }
  while channel < channels {
    narrow(channel)
    channel += 1
  }
}

/// Calls `wide` for each sixteen of `count` elements and `narrow` for each element left over.
@inline(__always)
func forEachElementGroup(_ count: Int, wide: (Int) -> Void, narrow: (Int) -> Void) {
  forEachChannelGroup(count, wide: wide, narrow: narrow)
}

/// Copies `count` elements, a multiple of 16: for lengths where a call of memcpy costs more than the
/// copy.
@inline(__always)
func copyVectors<Source: KernelElement, Target: KernelElement>(
  from source: UnsafePointer<Source>, to target: UnsafeMutablePointer<Target>, _ count: Int
) {
  var index = 0
  while index < count {
    if Source.self == Target.self {
      let same = UnsafeRawPointer(source).assumingMemoryBound(to: Target.self)
      Target.copy(same, to: target, at: index)
    } else {
      Vector(source, at: index).store(to: target, at: index)
    }
    index += Vector.lanes
  }
}

/// Zeros `count` elements, a multiple of 16.
@inline(__always)
func clearVectors<Element: KernelElement>(_ target: UnsafeMutablePointer<Element>, _ count: Int) {
  var index = 0
  while index < count {
    Vector.zero.store(to: target, at: index)
    index += Vector.lanes
  }
}

/// Prefetches the cache lines of `elements`, which will be written soon.
@inline(__always)
func prefetchForWriting<Element>(_ base: UnsafeMutablePointer<Element>, _ elements: Range<Int>) {
  var index = elements.lowerBound
  while index < elements.upperBound {
    prefetch_for_writing(base + index)
    index += CacheLine.bytes / MemoryLayout<Element>.stride
  }
}

/// `pointer`, of which the compiler then knows nothing: it keeps a register for it instead of deriving it
/// from another pointer.
@inline(__always)
func independent<Element>(_ pointer: UnsafePointer<Element>) -> UnsafePointer<Element> {
  independent_pointer(pointer).assumingMemoryBound(to: Element.self)
}
