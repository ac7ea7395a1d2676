/// A quick digest of large memory, to notice that two copies differ.

/// 64 bits over 32-bit words: about as fast as memory is read, and no protection against intent.
///
/// Each word is mixed in by a bijection (exclusive or, multiplication by an odd number), so two sequences that
/// differ in one word always have different digests.
package struct WordDigest: Equatable, Sendable {
  private static let prime: UInt64 = 0x9E37_79B9_7F4A_7C15
  /// Independent chains, for the processor to work on at a time.
  private var lanes = SIMD4<UInt64>(1, 2, 3, 4)

  package init() {}

  /// Adds words.
  package mutating func update(_ words: UnsafeBufferPointer<Float>) {
    var index = 0
    var (a, b, c, d) = (lanes[0], lanes[1], lanes[2], lanes[3])
    while index + 4 <= words.count {
      a = (a ^ UInt64(words[index].bitPattern)) &* Self.prime
      b = (b ^ UInt64(words[index + 1].bitPattern)) &* Self.prime
      c = (c ^ UInt64(words[index + 2].bitPattern)) &* Self.prime
      d = (d ^ UInt64(words[index + 3].bitPattern)) &* Self.prime
      index += 4
    }
    while index < words.count {
      a = (a ^ UInt64(words[index].bitPattern)) &* Self.prime
      index += 1
    }
    lanes = SIMD4(a, b, c, d)
  }

  /// The digest so far.
  package var value: UInt64 {
    (0..<4).reduce(UInt64(0)) { sum, lane in
      let mixed = (sum ^ lanes[lane]) &* Self.prime
      return mixed ^ (mixed >> 29)
    }
  }
}
