/// Owned, 64-byte aligned memory for tensor elements.

/// A fixed-size block of `Element`s, aligned to a cache line (64 bytes) and zeroed when made.
///
/// Noncopyable: exactly one owner frees it. Views into it are plain unsafe pointers whose lifetime
/// the owner's lifetime bounds; they do not leave the owner's module without their extent.
public struct AlignedBuffer<Element: BitwiseCopyable>: ~Copyable {
  public static var alignment: Int { 64 }

  public let count: Int
  @usableFromInline let storage: UnsafeMutableRawPointer

  /// Allocates `count` elements, all bytes zero.
  public init(count: Int) {
    precondition(count >= 0, "a buffer's size is not negative")
    self.count = count
    let bytes = max(count * MemoryLayout<Element>.stride, 1)
    storage = .allocate(byteCount: bytes, alignment: Self.alignment)
    storage.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
  }

  /// Allocates `count` elements of any bytes, whose pages take memory once something is written to them.
  public init(uninitialized count: Int) {
    precondition(count >= 0, "a buffer's size is not negative")
    self.count = count
    storage = .allocate(
      byteCount: max(count * MemoryLayout<Element>.stride, 1), alignment: Self.alignment)
  }

  deinit { storage.deallocate() }

  /// The first element; valid while the buffer lives.
  @inlinable public var pointer: UnsafeMutablePointer<Element> {
    storage.assumingMemoryBound(to: Element.self)
  }

  /// All elements; valid while the buffer lives.
  @inlinable public var elements: UnsafeMutableBufferPointer<Element> {
    UnsafeMutableBufferPointer(start: pointer, count: count)
  }
}

// The bytes are owned by one value and every cross-thread use is ordered by whoever shares the
// owner (a thread team's barrier, a loader's lock), so moving the owner between threads is safe.
extension AlignedBuffer: @unchecked Sendable where Element: Sendable {}
