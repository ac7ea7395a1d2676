/// A quick digest of large memory, to notice that two copies differ.

/// 64 bits over pairs of 32-bit words: as fast as memory is read, and no protection against intent.
///
/// Each pair is mixed in by a bijection (exclusive or, multiplication by an odd number, and the product's upper half
/// onto its lower, as products move differences upwards only), so two sequences that differ in one word always have
/// different digests.
package struct WordDigest: Equatable, Sendable {
  private static let prime: UInt64 = 0x9E37_79B9_7F4A_7C15
  /// Independent chains, for the processor to work on at a time.
  private var lanes = SIMD8<UInt64>(1, 2, 3, 4, 5, 6, 7, 8)

  package init() {}

  /// Adds words.
  package mutating func update(_ words: UnsafeBufferPointer<Float>) {
    let bytes = UnsafeRawBufferPointer(words)
    let size = MemoryLayout<SIMD8<UInt64>>.size
    var offset = 0
    while offset + size <= bytes.count {
      let pairs = bytes.loadUnaligned(fromByteOffset: offset, as: SIMD8<UInt64>.self)
      let products = (lanes ^ pairs) &* Self.prime
      lanes = products ^ (products &>> 32)
      offset += size
    }
    for word in words[(offset / MemoryLayout<Float>.size)...] {
      lanes[0] = (lanes[0] ^ UInt64(word.bitPattern)) &* Self.prime
    }
  }

  /// The digest so far.
  package var value: UInt64 {
    lanes.indices.reduce(UInt64(0)) { sum, lane in
      let mixed = (sum ^ lanes[lane]) &* Self.prime
      return mixed ^ (mixed >> 29)
    }
  }
}
