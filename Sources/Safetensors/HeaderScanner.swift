/// A strict scanner for the JSON (RFC 8259) of a safetensors header.
///
/// A general JSON parser keeps one of two equal keys without a word and rounds large numbers; here
/// both are errors. Nesting is bounded, so no input can exhaust the stack.

/// A place in the header's text and the values that can be read there.
struct HeaderScanner {
  /// The limit of nested arrays and objects, the reference's.
  static let maximumDepth = 127
  /// The largest integer that every JSON implementation represents exactly: 2⁵³.
  static let maximumInteger = 1 << 53

  let file: String
  private let text: [UInt8]
  private(set) var offset = 0

  /// - Parameter text: valid UTF-8.
  init(text: [UInt8], file: String) {
    self.text = text
    self.file = file
  }

  func malformed(_ problem: String, at offset: Int? = nil) -> SafetensorsError {
    .malformedHeader(file: file, offset: offset ?? self.offset, problem: problem)
  }

  /// The next byte after white space; nil at the end.
  mutating func peek() -> UInt8? {
    while offset < text.count {
      switch text[offset] {
      case 0x20, 0x09, 0x0A, 0x0D: offset += 1
      default: return text[offset]
      }
    }
    return nil
  }

  /// Passes over `byte` if it is next.
  mutating func skip(_ byte: Character) -> Bool {
    guard peek() == byte.asciiValue else { return false }
    offset += 1
    return true
  }

  mutating func expect(_ byte: Character) throws(SafetensorsError) {
    guard skip(byte) else { throw malformed("expected `\(byte)`, found \(found())") }
  }

  /// The end of the text, but for white space.
  mutating func expectEnd() throws(SafetensorsError) {
    guard peek() == nil else { throw malformed("\(found()) after the end of the header's object") }
  }

  /// What is at the current position, for a message.
  private mutating func found() -> String {
    guard let byte = peek() else { return "the end" }
    return byte > 0x20 && byte < 0x7F ? "`\(Character(Unicode.Scalar(byte)))`" : "byte \(byte)"
  }

  /// The members of an object; `value` must read the value of the key it is given.
  mutating func readObject(
    _ value: (inout HeaderScanner, String) throws(SafetensorsError) -> Void
  ) throws(SafetensorsError) {
    try expect("{")
    if skip("}") { return }
    var keys = Set<[UInt8]>()
    repeat {
      let key = try readString()
      guard keys.insert(Array(key.utf8)).inserted else {
        throw .duplicateKey(file: file, key: key)
      }
      try expect(":")
      try value(&self, key)
    } while skip(",")
    try expect("}")
  }

  /// The elements of an array; `value` must read the element it is called for.
  mutating func readArray(
    _ value: (inout HeaderScanner) throws(SafetensorsError) -> Void
  ) throws(SafetensorsError) {
    try expect("[")
    if skip("]") { return }
    repeat { try value(&self) } while skip(",")
    try expect("]")
  }

  mutating func readString() throws(SafetensorsError) -> String {
    try expect("\"")
    let start = offset - 1
    var bytes: [UInt8] = []
    while offset < text.count {
      let byte = text[offset]
      offset += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: bytes, as: UTF8.self)
      case UInt8(ascii: "\\"): try readEscape(into: &bytes)
      case 0..<0x20: throw malformed("control character \(byte) in a string", at: offset - 1)
      default: bytes.append(byte)
      }
    }
    throw malformed("a string without an end", at: start)
  }

  private mutating func readEscape(into bytes: inout [UInt8]) throws(SafetensorsError) {
    guard offset < text.count else { throw malformed("a string without an end") }
    let byte = text[offset]
    offset += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(byte)
    case UInt8(ascii: "b"): bytes.append(0x08)
    case UInt8(ascii: "f"): bytes.append(0x0C)
    case UInt8(ascii: "n"): bytes.append(0x0A)
    case UInt8(ascii: "r"): bytes.append(0x0D)
    case UInt8(ascii: "t"): bytes.append(0x09)
    case UInt8(ascii: "u"):
      var value = try readFourHexDigits()
      if value & 0xFC00 == 0xD800, text[offset...].starts(with: [0x5C, 0x75]) {
        offset += 2
        let low = try readFourHexDigits()
        guard low & 0xFC00 == 0xDC00 else { throw malformed("half of a surrogate pair") }
        value = 0x10000 + (value & 0x3FF) << 10 + low & 0x3FF
      }
      guard let scalar = Unicode.Scalar(value) else { throw malformed("half of a surrogate pair") }
      bytes.append(contentsOf: Array(String(scalar).utf8))
    default: throw malformed("unknown escape in a string", at: offset - 2)
    }
  }

  private mutating func readFourHexDigits() throws(SafetensorsError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard offset < text.count, let digit = Character(Unicode.Scalar(text[offset])).hexDigitValue
      else { throw malformed("`\\u` without four hexadecimal digits") }
      value = value << 4 | UInt32(digit)
      offset += 1
    }
    return value
  }

  /// A whole number in 0...2⁵³.
  ///
  /// - Returns: the number, or what is there instead.
  mutating func readCount() throws(SafetensorsError) -> Result<Int, NotACount> {
    guard let first = peek(), first == UInt8(ascii: "-") || isDigit(first) else {
      let what = found()
      try skipValue(depth: 0)
      return .failure(NotACount(text: what, problem: "is not a number"))
    }
    let start = offset
    try skipNumber()
    let digits = text[start..<offset]
    let number = String(decoding: digits.prefix(40), as: UTF8.self)
    if first == UInt8(ascii: "-") {
      return .failure(NotACount(text: number, problem: "is negative"))
    }
    guard digits.allSatisfy(isDigit) else {
      return .failure(NotACount(text: number, problem: "is not a whole number"))
    }
    guard let value = Int(number), value <= Self.maximumInteger else {
      return .failure(NotACount(text: number, problem: "is beyond 2^53"))
    }
    return .success(value)
  }

  /// Why a value is not a count.
  struct NotACount: Error {
    let text: String
    let problem: String
  }

  /// A number by JSON's grammar: no leading zero, digits around the point and in the exponent.
  private mutating func skipNumber() throws(SafetensorsError) {
    let start = offset
    if skip("-") {}
    if offset < text.count, text[offset] == UInt8(ascii: "0") {
      offset += 1
      if skipDigits() > 0 { throw malformed("a number with a leading zero", at: start) }
    } else if skipDigits() == 0 {
      throw malformed("a number without digits", at: start)
    }
    if offset < text.count, text[offset] == UInt8(ascii: ".") {
      offset += 1
      if skipDigits() == 0 { throw malformed("a number without digits", at: start) }
    }
    if offset < text.count, text[offset] | 0x20 == UInt8(ascii: "e") {
      offset += 1
      if offset < text.count, [0x2B, 0x2D].contains(text[offset]) { offset += 1 }
      if skipDigits() == 0 { throw malformed("a number without digits", at: start) }
    }
  }

  private mutating func skipDigits() -> Int {
    let start = offset
    while offset < text.count, isDigit(text[offset]) { offset += 1 }
    return offset - start
  }

  private func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

  /// Passes over any value: the content of a field that this version does not know.
  mutating func skipValue(depth: Int) throws(SafetensorsError) {
    guard depth < Self.maximumDepth else { throw malformed("nested too deeply") }
    switch peek() {
    case UInt8(ascii: "{"):
      try readObject { (scanner, _) throws(SafetensorsError) in
        try scanner.skipValue(depth: depth + 1)
      }
    case UInt8(ascii: "["):
      try readArray { (scanner) throws(SafetensorsError) in
        try scanner.skipValue(depth: depth + 1)
      }
    case UInt8(ascii: "\""): _ = try readString()
    case UInt8(ascii: "t"): try expectWord("true")
    case UInt8(ascii: "f"): try expectWord("false")
    case UInt8(ascii: "n"): try expectWord("null")
    case let byte? where byte == UInt8(ascii: "-") || isDigit(byte): try skipNumber()
    default: throw malformed("expected a value, found \(found())")
    }
  }

  mutating func expectWord(_ word: String) throws(SafetensorsError) {
    guard text[offset...].starts(with: word.utf8) else {
      throw malformed("expected a value, found \(found())")
    }
    offset += word.utf8.count
  }
}
