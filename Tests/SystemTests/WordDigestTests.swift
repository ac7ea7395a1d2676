/// The quick digest notices every change of a word.

import System
import Testing

@Suite struct WordDigestTests {
  private func digest(_ parts: [[Float]]) -> UInt64 {
    var digest = WordDigest()
    for part in parts { part.withUnsafeBufferPointer { digest.update($0) } }
    return digest.value
  }

  @Test(
    "each bit of each word counts, and so does the order",
    arguments: [1, 2, 3, 4, 5, 8, 11, 16, 17, 33, 80])
  func everyBit(count: Int) {
    let words = (0..<count).map { Float($0) * 0.37 - 1 }
    let original = digest([words])
    #expect(digest([words]) == original)
    var seen: Set<UInt64> = [original]
    for index in 0..<count {
      for bit in 0..<32 {
        var changed = words
        changed[index] = Float(bitPattern: words[index].bitPattern ^ 1 << UInt32(bit))
        #expect(seen.insert(digest([changed])).inserted, "word \(index), bit \(bit)")
      }
    }
    for other in [4, 16] where other < count {
      var swapped = words
      swapped.swapAt(0, other)
      #expect(digest([swapped]) != original)
    }
  }

  @Test("zeros are counted")
  func zeros() {
    #expect(Set((0..<20).map { digest([Array(repeating: 0, count: $0)]) }).count == 20)
  }
}
