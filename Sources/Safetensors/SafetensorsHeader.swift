/// The header of a safetensors file: its JSON turned into tensor entries, and the format's rules.
///
/// The rules are the reference implementation's (`Metadata::validate` in `safetensors/src/tensor.rs`,
/// version 0.8). Stricter than it, on purpose: a key may not occur twice, the header begins with `{`
/// as the format's description demands, an entry is an object and never an array, numbers end at
/// 2⁵³, ranks at 64 and files at 100,000 tensors, so that a hostile header costs little.

/// The tensors of a file in the order of their bytes, and its metadata.
struct SafetensorsHeader {
  static let maximumByteCount = 100_000_000
  static let maximumRank = 64
  static let maximumTensorCount = 100_000

  private(set) var entries: [TensorEntry] = []
  private(set) var metadata: [String: String] = [:]

  /// Parses and validates a header.
  ///
  /// - Parameters:
  ///   - text: the header's bytes, without the 8 of its length.
  ///   - fileByteCount: the size of the whole file.
  init(text: [UInt8], fileByteCount: Int, file: String) throws(SafetensorsError) {
    guard String(validating: text, as: UTF8.self) != nil else { throw .headerNotUTF8(file: file) }
    guard text.first == UInt8(ascii: "{") else {
      throw .headerStart(file: file, found: text.first)
    }
    var scanner = HeaderScanner(text: text, file: file)
    var entries: [TensorEntry] = []
    var metadata: [String: String] = [:]
    try scanner.readObject { (scanner, key) throws(SafetensorsError) in
      if key == "__metadata__" {
        metadata = try Self.readMetadata(&scanner)
      } else {
        guard entries.count < Self.maximumTensorCount else {
          throw scanner.malformed("more than \(Self.maximumTensorCount) tensors")
        }
        entries.append(try Self.readEntry(&scanner, name: key))
      }
    }
    try scanner.expectEnd()

    // Equal ranges (of empty tensors) keep the header's order.
    self.entries = entries.enumerated().sorted { left, right in
      (left.element.byteRange.lowerBound, left.element.byteRange.upperBound, left.offset)
        < (right.element.byteRange.lowerBound, right.element.byteRange.upperBound, right.offset)
    }.map(\.element)
    self.metadata = metadata
    try validate(dataByteCount: fileByteCount - 8 - text.count, fileByteCount, file)
  }

  private func validate(
    dataByteCount: Int, _ fileByteCount: Int, _ file: String
  ) throws(SafetensorsError) {
    var end = 0
    for entry in entries {
      guard entry.byteRange.lowerBound == end else {
        throw .notContiguous(
          file: file, tensor: entry.name, expected: end, found: entry.byteRange.lowerBound,
          end: entry.byteRange.upperBound)
      }
      guard let expected = entry.dtype.byteCount(ofShape: entry.shape) else {
        throw .impossibleSize(
          file: file, tensor: entry.name, dtype: entry.dtype, shape: entry.shape)
      }
      guard expected == entry.byteRange.count else {
        throw .sizeMismatch(file: file, entry: entry, expected: expected)
      }
      end = entry.byteRange.upperBound
    }
    let promised = fileByteCount - dataByteCount + end
    if end > dataByteCount {
      throw .truncated(file: file, promised: promised, found: fileByteCount)
    }
    if end < dataByteCount {
      throw .trailingBytes(file: file, promised: promised, found: fileByteCount)
    }
  }

  private static func readMetadata(
    _ scanner: inout HeaderScanner
  ) throws(SafetensorsError) -> [String: String] {
    if scanner.peek() == UInt8(ascii: "n") {
      try scanner.expectWord("null")
      return [:]
    }
    guard scanner.peek() == UInt8(ascii: "{") else {
      throw .malformedMetadata(file: scanner.file, problem: "it is not an object")
    }
    var metadata: [String: String] = [:]
    try scanner.readObject { (scanner, key) throws(SafetensorsError) in
      guard scanner.peek() == UInt8(ascii: "\"") else {
        throw .malformedMetadata(
          file: scanner.file, problem: "the value of \(quoted(key)) is not a string")
      }
      metadata[key] = try scanner.readString()
    }
    return metadata
  }

  private static func readEntry(
    _ scanner: inout HeaderScanner, name: String
  ) throws(SafetensorsError) -> TensorEntry {
    guard scanner.peek() == UInt8(ascii: "{") else {
      throw scanner.malformed("the entry of \(quoted(name)) is not an object")
    }
    var dtype: DType?
    var shape: [Int]?
    var offsets: [Int]?
    try scanner.readObject { (scanner, key) throws(SafetensorsError) in
      switch key {
      case "dtype":
        guard scanner.peek() == UInt8(ascii: "\"") else {
          throw .malformedField(
            file: scanner.file, tensor: name, field: "dtype", problem: "it is not a string")
        }
        let found = try scanner.readString()
        dtype = DType(rawValue: found)
        if dtype == nil { throw .unknownDType(file: scanner.file, tensor: name, found: found) }
      case "shape":
        shape = try readCounts(&scanner, tensor: name, field: "shape", atMost: maximumRank)
      case "data_offsets":
        offsets = try readCounts(&scanner, tensor: name, field: "data_offsets", atMost: 2)
      default: try scanner.skipValue(depth: 2)
      }
    }
    guard let dtype else { throw .missingField(file: scanner.file, tensor: name, field: "dtype") }
    guard let shape else { throw .missingField(file: scanner.file, tensor: name, field: "shape") }
    guard let offsets else {
      throw .missingField(file: scanner.file, tensor: name, field: "data_offsets")
    }
    guard offsets.count == 2 else {
      throw .malformedField(
        file: scanner.file, tensor: name, field: "data_offsets",
        problem: "\(offsets.count) numbers, expected 2")
    }
    guard offsets[0] <= offsets[1] else {
      throw .notContiguous(
        file: scanner.file, tensor: name, expected: offsets[0], found: offsets[0], end: offsets[1])
    }
    return TensorEntry(
      name: name, dtype: dtype, shape: shape, byteRange: offsets[0]..<offsets[1])
  }

  private static func readCounts(
    _ scanner: inout HeaderScanner, tensor: String, field: String, atMost limit: Int
  ) throws(SafetensorsError) -> [Int] {
    let file = scanner.file
    guard scanner.peek() == UInt8(ascii: "[") else {
      throw .malformedField(
        file: file, tensor: tensor, field: field, problem: "it is not an array")
    }
    var counts: [Int] = []
    try scanner.readArray { (scanner) throws(SafetensorsError) in
      switch try scanner.readCount() {
      case .success(let count): counts.append(count)
      case .failure(let found):
        throw .malformedField(
          file: file, tensor: tensor, field: field, problem: "\(found.text) \(found.problem)")
      }
      guard counts.count <= limit else {
        throw .malformedField(
          file: file, tensor: tensor, field: field, problem: "more than \(limit) numbers")
      }
    }
    return counts
  }
}
