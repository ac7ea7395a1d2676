/// Valid image files of many pixels and few bytes.

import Foundation

/// Grey squares whose pixels are all 128 (JPEG) or all black (PNG).
public enum HugeImages {
  /// A baseline JPEG file with one component (ITU-T T.81).
  ///
  /// Every block is "no difference" and "end of block", whose codes are one 0 bit each, so the scan is zeros.
  public static func jpeg(side: Int, progressive: Bool = false) -> [UInt8] {
    func segment(_ marker: UInt8, _ content: [UInt8]) -> [UInt8] {
      let length = content.count + 2
      return [0xFF, marker, UInt8(length >> 8), UInt8(length & 0xFF)] + content
    }
    // One code of one bit for the one symbol 0.
    func table(_ kind: UInt8) -> [UInt8] { [kind, 1] + Array(repeating: 0, count: 15) + [0] }
    let size = [UInt8(side >> 8), UInt8(side & 0xFF)]
    let blocks = ((side + 7) / 8) * ((side + 7) / 8)
    // A progressive file's first scan has the first coefficients alone.
    let scan = Array(repeating: UInt8(0), count: ((progressive ? 1 : 2) * blocks + 7) / 8)
    let frame: [UInt8] = [8] + size + size + [1, 1, 0x11, 0]
    let steps: [UInt8] = [0] + Array(repeating: 1, count: 64)
    var file: [UInt8] = [0xFF, 0xD8]
    file += segment(0xDB, steps)
    file += segment(progressive ? 0xC2 : 0xC0, frame)
    file += segment(0xC4, table(0x00) + table(0x10))
    file += segment(0xDA, [1, 1, 0, 0, progressive ? 0 : 63, 0])
    return file + scan + [0xFF, 0xD9]
  }

  /// A PNG file of one bit a pixel, whose zlib stream holds stored blocks.
  public static func png(side: Int) -> [UInt8] {
    func bigEndian(_ value: UInt32) -> [UInt8] {
      [24, 16, 8, 0].map { UInt8(value >> $0 & 0xFF) }
    }
    func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
      let body = Array(name.utf8) + content
      return bigEndian(UInt32(content.count)) + body + bigEndian(crc32(body))
    }
    let rows = Array(repeating: UInt8(0), count: side * (1 + (side + 7) / 8))
    var stream: [UInt8] = [0x78, 0x01]
    for start in stride(from: 0, to: rows.count, by: 65535) {
      let count = min(65535, rows.count - start)
      let length = [UInt8(count & 0xFF), UInt8(count >> 8)]
      stream.append(start + count == rows.count ? 1 : 0)
      stream += length
      stream += length.map { ~$0 }
      stream += rows[start..<start + count]
    }
    // Adler-32 of zeros: a = 1, b = their number modulo 65521.
    stream += bigEndian(UInt32(rows.count % 65521) << 16 | 1)
    let size = bigEndian(UInt32(side))
    var file: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    file += chunk("IHDR", size + size + [1, 0, 0, 0, 0])
    file += chunk("IDAT", stream)
    return file + chunk("IEND", [])
  }

  private static func crc32(_ bytes: [UInt8]) -> UInt32 {
    var table: [UInt32] = []
    for index in 0..<256 {
      var value = UInt32(index)
      for _ in 0..<8 {
        let half = value >> 1
        value = value & 1 == 1 ? half ^ 0xEDB8_8320 : half
      }
      table.append(value)
    }
    var sum = UInt32.max
    for byte in bytes {
      let index = Int(UInt8(truncatingIfNeeded: sum) ^ byte)
      sum = table[index] ^ (sum >> 8)
    }
    return ~sum
  }
}
