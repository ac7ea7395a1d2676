/// Writing safetensors: the bytes that the reference implementation would write.
///
/// Tensors are sorted by the alignment of their type, descending, then by name; the header is padded
/// with spaces to a multiple of 8 (`prepare` in `safetensors/src/tensor.rs`). With at most one
/// metadata key the files are byte-identical to the reference's; it leaves the order of several to
/// chance, here they are sorted. Nothing is flushed to the disk or renamed: whoever owns the file
/// decides when it counts.

import Glibc
import System
import SystemPackage

/// Serializes a list of tensors to a file, a descriptor or memory.
public enum SafetensorsWriter {
  /// A file that was written.
  public struct Written: Equatable, Sendable {
    public let byteCount: Int
    /// SHA-256 of its bytes, in hexadecimal.
    public let sha256: String
  }

  /// Creates or replaces the file at `path`, not atomically.
  ///
  /// - Throws: `system` with the path and errno's text; `unwritableName`, `impossibleSize` or
  ///   `wrongByteCount` if the tensors do not make a file.
  @discardableResult
  public static func write(
    _ tensors: [TensorContent], metadata: [String: String] = [:], toPath path: String
  ) throws -> Written {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw SafetensorsError.system(file: path, operation: "create", reason: errnoText())
    }
    let written: Written
    do {
      written = try write(tensors, metadata: metadata, to: descriptor, path: path)
    } catch {
      close(descriptor)
      throw error
    }
    // Network file systems report a full disk or quota as late as here.
    guard close(descriptor) == 0 || errno == EINTR else {
      throw SafetensorsError.system(file: path, operation: "write", reason: errnoText())
    }
    return written
  }

  /// Writes to an open descriptor from its current position; the descriptor stays open.
  ///
  /// - Parameter path: what errors call the file.
  /// - Throws: as `write(_:metadata:toPath:)`.
  @discardableResult
  public static func write(
    _ tensors: [TensorContent], metadata: [String: String] = [:], to descriptor: Int32,
    path: String
  ) throws -> Written {
    let layout = try Layout(tensors, metadata: metadata, file: path)
    let output = Output(descriptor, path: path)
    try serialize(layout, file: path) { try output.append($0) }
    return try output.finish()
  }

  /// The file's bytes in memory.
  ///
  /// - Parameter name: what errors call the file.
  /// - Throws: `unwritableName`, `impossibleSize`, `wrongByteCount`.
  public static func bytes(
    of tensors: [TensorContent], metadata: [String: String] = [:], name: String = "memory"
  ) throws -> [UInt8] {
    let layout = try Layout(tensors, metadata: metadata, file: name)
    var result: [UInt8] = []
    result.reserveCapacity(8 + layout.header.count + layout.dataByteCount)
    try serialize(layout, file: name) { bytes in
      bytes.withUnsafeBytes { result.append(contentsOf: $0) }
    }
    return result
  }

  private static func serialize(
    _ layout: Layout, file: String, sink: TensorContent.Sink
  ) throws {
    let length = [UInt64(layout.header.count).littleEndian]
    try sink(length.span.bytes)
    try sink(layout.header.span.bytes)
    for (tensor, expected) in layout.tensors {
      var found = 0
      try tensor.writeBytes { bytes in
        found += bytes.byteCount
        guard found <= expected else {
          throw SafetensorsError.wrongByteCount(
            file: file, tensor: tensor.name, expected: expected, found: found)
        }
        try sink(bytes)
      }
      guard found == expected else {
        throw SafetensorsError.wrongByteCount(
          file: file, tensor: tensor.name, expected: expected, found: found)
      }
    }
  }
}

/// Gathers small tensors into writes of 1 MiB, and digests what it writes.
private final class Output {
  private static let capacity = 1 << 20
  private let descriptor: Int32
  private let path: String
  private var pending: [UInt8] = []
  private var byteCount = 0
  private var hash = SHA256()

  init(_ descriptor: Int32, path: String) {
    (self.descriptor, self.path) = (descriptor, path)
    pending.reserveCapacity(Self.capacity)
  }

  func append(_ bytes: RawSpan) throws {
    if pending.count + bytes.byteCount > Self.capacity { try flush() }
    try bytes.withUnsafeBytes { bytes in
      if bytes.count <= Self.capacity { return pending.append(contentsOf: bytes) }
      for first in stride(from: 0, to: bytes.count, by: Self.capacity) {
        let piece = bytes[first..<min(first + Self.capacity, bytes.count)]
        try write(UnsafeRawBufferPointer(rebasing: piece).bytes)
      }
    }
  }

  func finish() throws -> SafetensorsWriter.Written {
    try flush()
    let digest = exchange(&hash, with: SHA256()).hexadecimal()
    return SafetensorsWriter.Written(byteCount: byteCount, sha256: digest)
  }

  private func flush() throws {
    try pending.withUnsafeBytes { try write($0.bytes) }
    pending.removeAll(keepingCapacity: true)
  }

  private func write(_ bytes: RawSpan) throws {
    hash.update(bytes)
    byteCount += bytes.byteCount
    do throws(Errno) { try writeEverything(bytes, to: descriptor) } catch {
      throw SafetensorsError.system(
        file: path, operation: "write", reason: error.description)
    }
  }
}

/// The order of the tensors and the header's text.
private struct Layout {
  var tensors: [(content: TensorContent, byteCount: Int)] = []
  var dataByteCount = 0
  var header: [UInt8] = []

  init(
    _ contents: [TensorContent], metadata: [String: String], file: String
  ) throws {
    let ranks = Dictionary(
      uniqueKeysWithValues: DType.allCases.enumerated().map { ($1, $0) })
    let sorted = contents.sorted { left, right in
      let (leftRank, rightRank) = (ranks[left.dtype]!, ranks[right.dtype]!)
      return leftRank == rightRank
        ? precedesInBytes(left.name, right.name) : leftRank > rightRank
    }
    var members: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { precedesInBytes($0.key, $1.key) }
        .map { "\(jsonString($0.key)):\(jsonString($0.value))" }
      members.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
    }
    var names = Set<[UInt8]>()
    for content in sorted {
      guard content.name != "__metadata__" else {
        throw SafetensorsError.unwritableName(
          file: file, tensor: content.name, problem: "the format keeps this name for itself")
      }
      guard names.insert(Array(content.name.utf8)).inserted else {
        throw SafetensorsError.unwritableName(
          file: file, tensor: content.name, problem: "the name is given twice")
      }
      guard content.shape.allSatisfy({ $0 >= 0 }),
        let byteCount = content.dtype.byteCount(ofShape: content.shape)
      else {
        throw SafetensorsError.impossibleSize(
          file: file, tensor: content.name, dtype: content.dtype, shape: content.shape)
      }
      let shape = content.shape.map(String.init).joined(separator: ",")
      let end = dataByteCount + byteCount
      members.append(
        "\(jsonString(content.name)):{\"dtype\":\"\(content.dtype.rawValue)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(dataByteCount),\(end)]}")
      tensors.append((content, byteCount))
      dataByteCount = end
    }
    header = Array("{\(members.joined(separator: ","))}".utf8)
    header += Array(repeating: UInt8(ascii: " "), count: (8 - header.count % 8) % 8)
    guard header.count <= SafetensorsHeader.maximumByteCount else {
      throw SafetensorsError.headerTooLong(file: file, length: UInt64(header.count))
    }
  }
}

/// A JSON string with the escapes that the reference's JSON library (serde_json) writes.
private func jsonString(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\u{8}": result += "\\b"
    case "\u{9}": result += "\\t"
    case "\u{A}": result += "\\n"
    case "\u{C}": result += "\\f"
    case "\u{D}": result += "\\r"
    case "\u{0}"..<"\u{20}":
      let digits = String(scalar.value, radix: 16)
      result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}

/// The text of the current `errno`.
private func errnoText() -> String { String(cString: strerror(errno)) }
