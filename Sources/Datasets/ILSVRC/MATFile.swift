/// MATLAB's file format, version 5, as far as the ILSVRC devkit needs it.
///
/// "MAT-File Format", MathWorks: https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf

import CZlib

/// A value of a MAT file.
indirect enum MATValue: Equatable {
  /// Column-major, converted from whatever type the file has.
  case numbers([Double])
  case text(String)
  /// A struct array: for each element its fields.
  case structs([[String: MATValue]])
  /// Something else, left unread.
  case other
}

/// What is wrong with a MAT file.
struct MATError: Error, Equatable {
  let reason: String
}

enum MATFile {
  /// The most bytes that the compressed variables may unpack to: ten times what the devkit's do.
  private static let limit = 1 << 24
  private static let deepest = 8

  /// The file's variables by name.
  ///
  /// - Throws: `MATError`.
  static func variables(_ file: [UInt8]) throws -> [String: MATValue] {
    guard file.count >= 128, file[124...127].elementsEqual([0x00, 0x01, 0x49, 0x4D]) else {
      throw MATError(reason: "it is not a little-endian MATLAB 5 file")
    }
    var variables: [String: MATValue] = [:]
    var reader = Reader(bytes: file, place: 128)
    var unpacked = 0
    while !reader.isAtEnd {
      var (type, bytes) = try reader.element()
      if type == .compressed {
        var inside = Reader(bytes: try inflate(bytes, atMost: limit - unpacked), place: 0)
        unpacked += inside.bytes.count
        (type, bytes) = try inside.element()
      }
      guard type == .matrix else { throw MATError(reason: "a variable is not a matrix") }
      let (name, value) = try matrix(bytes, depth: 0)
      variables[name] = value
    }
    return variables
  }

  private enum Kind: UInt32 {
    case int8 = 1
    case uint8, int16, uint16, int32, uint32, single
    case double = 9
    case int64 = 12
    case uint64, matrix, compressed, utf8, utf16, utf32

    var size: Int {
      switch self {
      case .int8, .uint8, .utf8: 1
      case .int16, .uint16, .utf16: 2
      case .int32, .uint32, .single, .utf32: 4
      case .double, .int64, .uint64: 8
      case .matrix, .compressed: 1
      }
    }
  }

  private struct Reader {
    let bytes: [UInt8]
    var place: Int

    var isAtEnd: Bool { place >= bytes.count }

    /// The next data element; a small one has its length and up to four bytes in its tag.
    mutating func element() throws -> (Kind, [UInt8]) {
      guard place + 8 <= bytes.count else { throw MATError(reason: "it is cut short") }
      let first = word(place)
      let isSmall = first >> 16 != 0
      let number = isSmall ? first & 0xFFFF : first
      guard let kind = Kind(rawValue: number) else {
        throw MATError(reason: "it has data of the unknown type \(number)")
      }
      let count = Int(isSmall ? first >> 16 : word(place + 4))
      let start = place + (isSmall ? 4 : 8)
      guard count <= bytes.count - start, !isSmall || count <= 4 else {
        throw MATError(reason: "it is cut short")
      }
      // Compressed elements are the only ones that are not padded.
      let padded = kind == .compressed ? count : (count + 7) / 8 * 8
      place = isSmall ? place + 8 : start + padded
      return (kind, Array(bytes[start..<start + count]))
    }

    private func word(_ place: Int) -> UInt32 {
      bytes[place..<place + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
  }

  private static func matrix(
    _ bytes: [UInt8], depth: Int
  ) throws -> (name: String, value: MATValue) {
    guard depth < deepest else { throw MATError(reason: "it is nested too deeply") }
    if bytes.isEmpty { return ("", .numbers([])) }
    var reader = Reader(bytes: bytes, place: 0)
    let flags = try reader.element()
    guard flags.0 == .uint32, flags.1.count == 8 else {
      throw MATError(reason: "a matrix has no flags")
    }
    let dimensions = try integers(reader.element())
    let name = String(decoding: try reader.element().1, as: UTF8.self)
    guard dimensions.allSatisfy({ $0 >= 0 && $0 < 1 << 24 }),
      dimensions.reduce(1.0, { $0 * Double($1) }) < Double(limit)
    else { throw MATError(reason: "a matrix has impossible dimensions") }
    let count = dimensions.reduce(1, *)
    switch flags.1[0] {
    case 2: return (name, .structs(try structs(&reader, count: count, depth: depth)))
    case 4:
      let characters = try integers(reader.element()).compactMap {
        UInt32(exactly: $0).flatMap(Unicode.Scalar.init)
      }
      return (name, .text(String(String.UnicodeScalarView(characters))))
    case 6...15: return (name, .numbers(try numbers(reader.element())))
    default: return (name, .other)
    }
  }

  private static func structs(
    _ reader: inout Reader, count: Int, depth: Int
  ) throws -> [[String: MATValue]] {
    let lengths = try integers(reader.element())
    guard let length = lengths.first, (1...1024).contains(length) else {
      throw MATError(reason: "a struct has names of no length")
    }
    let names = try reader.element().1
    let fields = stride(from: 0, to: names.count, by: length).map { start in
      String(
        decoding: names[start..<min(start + length, names.count)].prefix { $0 != 0 }, as: UTF8.self)
    }
    guard !fields.isEmpty || count == 0 else { throw MATError(reason: "a struct has no fields") }
    var elements: [[String: MATValue]] = []
    for _ in 0..<count {
      var element: [String: MATValue] = [:]
      for field in fields {
        let (kind, bytes) = try reader.element()
        guard kind == .matrix else { throw MATError(reason: "a field is not a matrix") }
        element[field] = try matrix(bytes, depth: depth + 1).value
      }
      elements.append(element)
    }
    return elements
  }

  private static func integers(_ element: (Kind, [UInt8])) throws -> [Int] {
    try numbers(element).map {
      guard let integer = Int(exactly: $0), integer >= 0 else {
        throw MATError(reason: "a count is not a whole number")
      }
      return integer
    }
  }

  private static func numbers(_ element: (Kind, [UInt8])) throws -> [Double] {
    let (kind, bytes) = element
    guard bytes.count.isMultiple(of: kind.size) else {
      throw MATError(reason: "numbers are cut short")
    }
    return try bytes.withUnsafeBytes { raw in
      func read<Number: BitwiseCopyable>(
        _ type: Number.Type, _ convert: (Number) -> Double
      ) -> [Double] {
        stride(from: 0, to: raw.count, by: MemoryLayout<Number>.size).map {
          convert(raw.loadUnaligned(fromByteOffset: $0, as: type))
        }
      }
      switch kind {
      case .int8: return read(Int8.self) { Double($0) }
      case .uint8, .utf8: return read(UInt8.self) { Double($0) }
      case .int16: return read(Int16.self) { Double($0) }
      case .uint16, .utf16: return read(UInt16.self) { Double($0) }
      case .int32: return read(Int32.self) { Double($0) }
      case .uint32, .utf32: return read(UInt32.self) { Double($0) }
      case .single: return read(Float.self) { Double($0) }
      case .double: return read(Double.self) { $0 }
      case .int64: return read(Int64.self) { Double($0) }
      case .uint64: return read(UInt64.self) { Double($0) }
      case .matrix, .compressed: throw MATError(reason: "numbers were expected")
      }
    }
  }

  /// The corresponding C function is `inflate`.
  private static func inflate(_ bytes: [UInt8], atMost limit: Int) throws -> [UInt8] {
    var stream = z_stream()
    guard
      inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { throw MATError(reason: "zlib cannot start") }
    defer { inflateEnd(&stream) }
    var bytes = bytes
    var output: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    return try bytes.withUnsafeMutableBufferPointer { input in
      stream.next_in = input.baseAddress
      stream.avail_in = UInt32(input.count)
      while true {
        let code = chunk.withUnsafeMutableBufferPointer { buffer in
          stream.next_out = buffer.baseAddress
          stream.avail_out = UInt32(buffer.count)
          return CZlib.inflate(&stream, Z_NO_FLUSH)
        }
        output += chunk[..<(chunk.count - Int(stream.avail_out))]
        guard output.count <= limit else {
          throw MATError(reason: "it unpacks to far more than a devkit's table")
        }
        if code == Z_STREAM_END { return output }
        guard code == Z_OK else { throw MATError(reason: "its compressed data are damaged") }
      }
    }
  }
}
