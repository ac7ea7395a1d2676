/// The frame around each record of a TFRecord file
/// (https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details).

enum TFRecord {
  /// Length (64 bits), its masked CRC-32C, the content, its masked CRC-32C; numbers are little-endian.
  static func bytes(_ content: [UInt8]) -> [UInt8] {
    let length = littleEndian(UInt64(content.count))
    return length + littleEndian(CRC32C.masked(length)) + content
      + littleEndian(CRC32C.masked(content))
  }

  private static func littleEndian(_ number: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
  }
}
