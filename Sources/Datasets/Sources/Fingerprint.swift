/// What a source's images are, in 64 hexadecimal digits.

import System

/// A SHA-256 over parts, each with its length before it, so that no two lists of parts are alike.
struct Fingerprint: ~Copyable {
  private var hash = SHA256()

  mutating func add(_ text: String) { add(Array(text.utf8)) }

  mutating func add(_ number: Int) {
    hash.update(UInt64(bitPattern: Int64(number)).littleEndian)
  }

  mutating func add(_ bytes: [UInt8]) {
    add(bytes.count)
    hash.update(bytes)
  }

  consuming func hexadecimal() -> String { hash.hexadecimal() }
}
