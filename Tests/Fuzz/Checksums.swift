/// Checksums of damaged files made right again, so that what lies behind them is reached.

import CZlib

enum Checksums {
  private static func crc32(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    bytes.withUnsafeBufferPointer {
      UInt32(truncatingIfNeeded: crc32_z(0, $0.baseAddress, $0.count))
    }
  }

  private static func littleEndian(_ bytes: [UInt8], _ range: Range<Int>) -> Int {
    bytes[range].reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  /// Of every chunk of a PNG file.
  static func repairPNG(_ bytes: inout [UInt8]) {
    guard bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) else { return }
    // Length, type, data, checksum of type and data.
    var place = 8
    while place + 12 <= bytes.count {
      let length = bytes[place..<place + 4].reduce(0) { $0 << 8 | Int($1) }
      let end = place + 8 + length
      guard end + 4 <= bytes.count else { return }
      let sum = crc32(bytes[place + 4..<end])
      for byte in 0..<4 { bytes[end + byte] = UInt8(truncatingIfNeeded: sum >> (24 - 8 * byte)) }
      place = end + 4
    }
  }

  /// Of every entry in a zip archive's directory, as far as the directory can be followed.
  static func repairZip(_ bytes: inout [UInt8]) {
    let end = bytes.count - 22
    guard end >= 0, bytes[end..<end + 4].elementsEqual([0x50, 0x4B, 5, 6]) else { return }
    var place = littleEndian(bytes, end + 16..<end + 20)
    while place + 46 <= end, bytes[place..<place + 4].elementsEqual([0x50, 0x4B, 1, 2]) {
      let size = littleEndian(bytes, place + 20..<place + 24)
      let header = littleEndian(bytes, place + 42..<place + 46)
      if header + 30 <= bytes.count {
        let begin =
          header + 30 + littleEndian(bytes, header + 26..<header + 28)
          + littleEndian(bytes, header + 28..<header + 30)
        if begin + size <= bytes.count {
          let sum = crc32(bytes[begin..<begin + size])
          for byte in 0..<4 {
            bytes[place + 16 + byte] = UInt8(truncatingIfNeeded: sum >> (8 * byte))
          }
        }
      }
      place +=
        46 + littleEndian(bytes, place + 28..<place + 30)
        + littleEndian(bytes, place + 30..<place + 32)
        + littleEndian(bytes, place + 32..<place + 34)
    }
  }
}
