/// Reading a safetensors file: the header at once, a tensor's bytes on request.
///
/// The format: 8 bytes of header length (little-endian), the header in JSON, the tensors' bytes
/// without gaps (https://huggingface.co/docs/safetensors). Tensors are read,
/// not memory-mapped (see `ReadableFile`).

import System

#if !_endian(little)
  #error("safetensors is little-endian, and so is every buffer that is read or written here")
#endif

/// An open safetensors file whose header has been validated.
///
/// Memory use is the header's, plus the tensor that is being read. Reads carry their own position,
/// so threads may share a file.
public final class SafetensorsFile: Sendable {
  /// The path, or the name that was given with the bytes; errors begin with it.
  public let name: String
  /// The tensors in the order of their bytes.
  public let entries: [TensorEntry]
  /// The text values of `__metadata__`; empty where the file has none.
  public let metadata: [String: String]

  private let source: Source
  private let dataOffset: Int
  private let indices: [[UInt8]: Int]

  private enum Source {
    case file(ReadableFile)
    case memory([UInt8])
  }

  /// Opens a file and validates its header.
  ///
  /// - Throws: `SafetensorsError` if the file cannot be read or breaks a rule of the format.
  public convenience init(contentsOf path: String) throws {
    let file: ReadableFile
    do throws(FileReadError) { file = try ReadableFile(path) } catch {
      throw SafetensorsError(path, error)
    }
    try self.init(source: .file(file), byteCount: file.count, name: path)
  }

  /// Reads a whole file that is already in memory, for example broadcast from another process.
  ///
  /// - Parameter name: what errors call the file.
  /// - Throws: `SafetensorsError` if the bytes break a rule of the format.
  public convenience init(bytes: [UInt8], name: String) throws {
    try self.init(source: .memory(bytes), byteCount: bytes.count, name: name)
  }

  private init(source: Source, byteCount: Int, name: String) throws {
    guard byteCount >= 8 else { throw SafetensorsError.tooShort(file: name, byteCount: byteCount) }
    let length = try Self.bytes(source, 0..<8, name).reversed().reduce(UInt64(0)) {
      $0 << 8 | UInt64($1)
    }
    guard length <= SafetensorsHeader.maximumByteCount else {
      throw SafetensorsError.headerTooLong(file: name, length: length)
    }
    let headerByteCount = Int(length)
    guard headerByteCount <= byteCount - 8 else {
      throw SafetensorsError.headerTruncated(
        file: name, length: headerByteCount, fileByteCount: byteCount)
    }
    let text = try Self.bytes(source, 8..<8 + headerByteCount, name)
    let header = try SafetensorsHeader(text: text, fileByteCount: byteCount, file: name)
    self.name = name
    self.source = source
    entries = header.entries
    metadata = header.metadata
    dataOffset = 8 + headerByteCount
    indices = Dictionary(
      uniqueKeysWithValues: header.entries.enumerated().map { (Array($1.name.utf8), $0) })
  }

  /// The tensors' names in the order of their bytes.
  public var names: [String] { entries.map(\.name) }

  /// The tensors' names in the order of their UTF-8 bytes.
  public var sortedNames: [String] { names.sorted(by: precedesInBytes) }

  /// Whether the file has a tensor of this name.
  public func contains(_ tensor: String) -> Bool { indices[Array(tensor.utf8)] != nil }

  /// What the header says of a tensor.
  ///
  /// - Parameter shape: if given, the shape the tensor must have.
  /// - Throws: `missingTensor`, `wrongShape`.
  public func entry(
    _ tensor: String, shape: [Int]? = nil
  ) throws -> TensorEntry {
    guard let index = indices[Array(tensor.utf8)] else {
      throw SafetensorsError.missingTensor(file: name, tensor: tensor, count: entries.count)
    }
    let entry = entries[index]
    if let shape, shape != entry.shape {
      throw SafetensorsError.wrongShape(
        file: name, tensor: tensor, expected: shape, found: entry.shape)
    }
    return entry
  }

  /// A tensor's bytes, row-major and little-endian as in the file.
  ///
  /// - Throws: `missingTensor`, `system`.
  public func bytes(_ tensor: String) throws -> [UInt8] {
    let entry = try entry(tensor)
    return try Self.bytes(
      source, dataOffset + entry.byteRange.lowerBound..<dataOffset + entry.byteRange.upperBound,
      name)
  }

  /// Reads a tensor's bytes into a buffer of exactly their number.
  func read(
    _ entry: TensorEntry, into buffer: inout MutableRawSpan
  ) throws {
    precondition(buffer.byteCount == entry.byteRange.count)
    try Self.read(source, at: dataOffset + entry.byteRange.lowerBound, into: &buffer, name)
  }

  private static func bytes(
    _ source: Source, _ range: Range<Int>, _ name: String
  ) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: range.count)
    var span = bytes.mutableSpan
    var raw = span.mutableBytes
    try read(source, at: range.lowerBound, into: &raw, name)
    return bytes
  }

  private static func read(
    _ source: Source, at offset: Int, into buffer: inout MutableRawSpan, _ name: String
  ) throws {
    switch source {
    case .memory(let bytes):
      let count = buffer.byteCount
      buffer.withUnsafeMutableBytes { $0.copyBytes(from: bytes[offset..<offset + count]) }
    case .file(let file):
      do throws(FileReadError) { try file.read(at: offset, into: &buffer) } catch {
        throw SafetensorsError(name, error)
      }
    }
  }
}

extension SafetensorsError {
  fileprivate init(_ file: String, _ error: FileReadError) {
    self = .system(file: file, operation: error.operation, reason: error.reason)
  }
}
