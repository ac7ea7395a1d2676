/// The IDX format of the MNIST family: a big-endian header, then unsigned bytes.

/// Reads one file, plain or compressed.
struct IDXFile {
  let path: String
  /// Sizes from the header; the first is the number of records.
  let dimensions: [Int]
  /// The product of `dimensions` many bytes.
  let bytes: [UInt8]

  /// More records than this are taken for a damaged header.
  static let maximumRecords = 1_000_000

  /// - Parameters:
  ///   - record: the sizes after the number of records: [28, 28] for images, [] for labels.
  ///   - content: what the records are, for errors.
  init(path: String, record: [Int], content: String) throws {
    let rank = record.count + 1
    let magic = 0x0800 + rank
    let expected = "an IDX file of \(content) (magic number \(magic))"
    var file = try GzipFile(path: path)
    let header = try file.read(4 * (rank + 1))
    guard header.count == 4 * (rank + 1) else {
      throw DatasetError.wrongFormat(
        path: path, expected: expected, found: "it holds only \(header.count) bytes")
    }
    let fields = (0...rank).map { field in
      header[4 * field..<4 * field + 4].reduce(0) { $0 << 8 | Int($1) }
    }
    guard fields[0] == magic else {
      throw DatasetError.wrongFormat(
        path: path, expected: expected, found: "its magic number is \(fields[0])")
    }
    let dimensions = Array(fields[1...])
    guard Array(dimensions[1...]) == record else {
      let size = dimensions[1...].map(String.init).joined(separator: "×")
      throw DatasetError.wrongFormat(path: path, expected: expected, found: "they are \(size)")
    }
    guard (1...Self.maximumRecords).contains(dimensions[0]) else {
      throw DatasetError.wrongFormat(
        path: path, expected: expected, found: "it claims \(dimensions[0]) \(content)")
    }
    let length = dimensions.reduce(1, *)
    // A byte after the last means that the file is too long.
    let bytes = try file.read(length + 1)
    guard bytes.count == length else {
      throw DatasetError.wrongLength(
        path: path, expected: header.count + length, found: header.count + bytes.count)
    }
    (self.path, self.dimensions, self.bytes) = (path, dimensions, bytes)
  }
}
