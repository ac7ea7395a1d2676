/// The scans of a JPEG file, as far as they decide how much memory decoding takes (ITU-T T.81, B.2).

enum JPEGScans {
  /// Whether one scan holds the whole image from top to bottom.
  ///
  /// Of a file with several (progressive ones, or a scan for each component) the decoder keeps the
  /// coefficients of the full size until the last, whatever size is requested. False where the headers
  /// cannot be followed.
  static func isSingle(in bytes: [UInt8]) -> Bool {
    var components: UInt8?
    // Segments: FF, marker, length of what follows with the length's own two bytes.
    var offset = 2
    while offset + 4 < bytes.count, bytes[offset] == 0xFF {
      let marker = bytes[offset + 1]
      let length = Int(bytes[offset + 2]) << 8 | Int(bytes[offset + 3])
      switch marker {
      case 0xFF:
        offset += 1
        continue
      // Baseline and extended sequential frames: precision, height and width before the components.
      case 0xC0, 0xC1:
        guard offset + 9 < bytes.count else { return false }
        components = bytes[offset + 9]
      // Progressive, lossless and arithmetic ones; C4, C8 and CC are no frames.
      case 0xC2, 0xC3, 0xC5...0xC7, 0xC9...0xCB, 0xCD...0xCF: return false
      // The first scan.
      case 0xDA: return components == bytes[offset + 4]
      default: break
      }
      guard length >= 2 else { return false }
      offset += 2 + length
    }
    return false
  }
}
