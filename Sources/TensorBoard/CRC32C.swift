/// CRC-32C, the Castagnoli checksum (RFC 3720, §12.1), with the mask of TensorFlow's records.

package enum CRC32C {
  /// 0x1EDC6F41 with its bits reversed: bytes enter lowest bit first.
  private static let polynomial: UInt32 = 0x82F6_3B78

  /// What eight steps do to each low byte.
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(byte) { rest, _ in rest & 1 == 0 ? rest >> 1 : rest >> 1 ^ polynomial }
  }

  package static func checksum(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(.max) { rest, byte in
      rest >> 8 ^ table[Int(UInt8(truncatingIfNeeded: rest) ^ byte)]
    }
  }

  /// As records store it: a checksum of bytes that hold their own checksum says little.
  ///
  /// The formula is that of `tensorflow/core/lib/hash/crc32c.h`, `Mask`.
  package static func masked(_ bytes: [UInt8]) -> UInt32 {
    let crc = checksum(bytes)
    return (crc >> 15 | crc << 17) &+ 0xA282_EAD8
  }
}
