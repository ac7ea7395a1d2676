/// Damaged copies of files, the same for a seed on every machine.

import Randomness

/// Draws changes of bytes: what disks, downloads and attackers do to files.
struct Mutator {
  private var stream: CounterStream

  /// - Parameter input: the number of the input, which alone decides its changes.
  init(seed: UInt64, input: Int) {
    stream = CounterStream(seed: seed, purpose: .shuffleBuffer, epoch: 0, index: input)
  }

  /// Numbers at which sizes, offsets and counts go wrong.
  private static let numbers: [UInt64] = [
    0, 1, 2, 7, 8, 15, 16, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fff_ffff,
    0x8000_0000, 0xffff_ffff, 0x1_0000_0000, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000,
    0xffff_ffff_ffff_ffff,
  ]

  /// Text that means something in one of the formats.
  private static let words: [[UInt8]] = [
    "9999999999999999999999", "-1", "1e999", "1e308", "-1e308", "5e-324", "nan", "null", "[]", "{}",
    "\"", "\\", "{0..99999999}",
    "*a",
    "&a ", "../", "/etc/passwd", "\u{0}", "\n", ": ", "- ", "'", "\u{FEFF}", "😀",
  ].map { Array($0.utf8) }

  mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[stream.next(below: elements.count)]
  }

  /// One to four changes of `bytes`.
  ///
  /// - Parameter other: another file of the format, of which parts are taken.
  mutating func change(_ bytes: inout [UInt8], with other: [UInt8]) {
    for _ in 0...stream.next(below: 4) {
      if bytes.isEmpty { bytes = [0] }
      changeOnce(&bytes, with: other)
    }
  }

  private mutating func changeOnce(_ bytes: inout [UInt8], with other: [UInt8]) {
    // Headers are at the beginning or at the end, mostly.
    let place =
      switch stream.next(below: 3) {
      case 0: stream.next(below: min(bytes.count, 128))
      case 1: bytes.count - 1 - stream.next(below: min(bytes.count, 128))
      default: stream.next(below: bytes.count)
      }
    let length = min(1 << stream.next(below: 9), bytes.count - place)
    switch stream.next(below: 9) {
    case 0: bytes[place] ^= 1 << UInt8(stream.next(below: 8))
    case 1: bytes[place] = UInt8(stream.next(below: 256))
    case 2: number(&bytes, place)
    case 3: bytes.removeSubrange(place..<place + length)
    case 4: bytes.insert(contentsOf: bytes[place..<place + length], at: place)
    case 5: bytes.removeSubrange(place...)
    case 6: bytes.insert(contentsOf: pick(Self.words), at: place)
    case 7:
      let word = pick(Self.words)
      let end = min(place + word.count, bytes.count)
      bytes.replaceSubrange(place..<end, with: word)
    default:
      guard !other.isEmpty else { return }
      let start = stream.next(below: other.count)
      let end = min(start + length, other.count)
      bytes.replaceSubrange(place..<min(place + end - start, bytes.count), with: other[start..<end])
    }
  }

  private mutating func number(_ bytes: inout [UInt8], _ place: Int) {
    let number = pick(Self.numbers)
    let width = min(1 << stream.next(below: 4), bytes.count - place)
    let isBigEndian = stream.next(below: 2) == 0
    for byte in 0..<width {
      let shift = 8 * (isBigEndian ? width - 1 - byte : byte)
      bytes[place + byte] = UInt8(truncatingIfNeeded: number >> UInt64(shift))
    }
  }
}
