/// The numbers and texts of a pickle's opcodes.

/// Bytes that are read from front to back.
struct PickleBytes {
  private let code: [UInt8]
  private let file: String
  /// The next byte's number in the file, if `code` begins where it does.
  private(set) var place: Int

  /// Ten times what ResNet-1202's pickle takes.
  static let maximumByteCount = 8 << 20

  /// - Parameters:
  ///   - code: more than `maximumByteCount` bytes where it is cut there.
  ///   - file: what errors call the file.
  init(_ code: [UInt8], from place: Int, file: String) {
    self.code = code
    self.file = file
    self.place = place
  }

  func malformed(_ problem: String) -> PyTorchFileError {
    .malformedPickle(file: file, offset: place, problem: problem)
  }

  mutating func take(_ count: Int) throws(PyTorchFileError) -> ArraySlice<UInt8> {
    guard count <= code.count - place else {
      let isCut = code.count > Self.maximumByteCount
      throw malformed(isCut ? "it is beyond \(Self.maximumByteCount) bytes" : "it ends too early")
    }
    defer { place += count }
    return code[place..<place + count]
  }

  mutating func byte() throws(PyTorchFileError) -> UInt8 {
    try take(1).first!
  }

  /// A little-endian number without sign.
  mutating func number(bytes: Int) throws(PyTorchFileError) -> Int {
    let bits = try take(bytes).reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    guard let number = Int(exactly: bits) else { throw malformed("a length is beyond all files") }
    return number
  }

  mutating func integer(_ opcode: UInt8) throws(PyTorchFileError) -> Int {
    switch opcode {
    case UInt8(ascii: "K"): return Int(try byte())
    case UInt8(ascii: "M"): return try number(bytes: 2)
    case UInt8(ascii: "J"): return Int(Int32(truncatingIfNeeded: try number(bytes: 4)))
    default:
      // LONG1 and LONG4: two's complement of any length.
      let length = opcode == 0x8A ? Int(try byte()) : try number(bytes: 4)
      guard length <= 8 else { throw malformed("an integer has more than 64 bits") }
      let bytes = try take(length)
      let sign: Int = (bytes.last ?? 0) & 0x80 == 0 ? 0 : -1
      return bytes.reversed().reduce(sign) { $0 << 8 | Int($1) }
    }
  }

  mutating func string(lengthBytes: Int) throws(PyTorchFileError) -> String {
    let bytes = try take(try number(bytes: lengthBytes))
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw malformed("a string is not UTF-8")
    }
    return text
  }

  /// The text up to the next line feed.
  mutating func line() throws(PyTorchFileError) -> String {
    guard let end = code[place...].prefix(256).firstIndex(of: UInt8(ascii: "\n")) else {
      throw malformed("a name has no end")
    }
    defer { place += 1 }
    return String(decoding: try take(end - place), as: UTF8.self)
  }
}
