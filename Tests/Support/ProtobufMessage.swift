/// A parser of Protocol Buffers' wire format (https://protobuf.dev/programming-guides/encoding).

/// A message's fields in order.
public struct ProtobufMessage {
  public enum Value: Equatable {
    case varint(UInt64)
    case fixed32(UInt32)
    case fixed64(UInt64)
    case bytes([UInt8])
  }

  public let fields: [(number: Int, value: Value)]

  public init(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    func varint() throws -> UInt64 {
      var value: UInt64 = 0
      for shift in stride(from: 0, to: 70, by: 7) {
        guard let byte = rest.popFirst() else { throw Malformed() }
        value |= UInt64(byte & 0x7F) << UInt64(shift)
        if byte < 0x80 { return value }
      }
      throw Malformed()
    }
    func take(_ count: Int) throws -> [UInt8] {
      guard count <= rest.count else { throw Malformed() }
      defer { rest = rest.dropFirst(count) }
      return Array(rest.prefix(count))
    }
    var fields: [(number: Int, value: Value)] = []
    while !rest.isEmpty {
      let key = try varint()
      let value: Value
      switch key & 7 {
      case 0: value = .varint(try varint())
      case 1: value = .fixed64(try take(8).reversed().reduce(0) { $0 << 8 | UInt64($1) })
      case 2: value = .bytes(try take(Int(try varint())))
      case 5: value = .fixed32(try take(4).reversed().reduce(0) { $0 << 8 | UInt32($1) })
      default: throw Malformed()
      }
      fields.append((Int(key >> 3), value))
    }
    self.fields = fields
  }

  public struct Malformed: Error {}

  public func integers(_ number: Int) -> [Int64] {
    fields.compactMap {
      if $0.number == number, case .varint(let value) = $0.value {
        Int64(bitPattern: value)
      } else {
        nil
      }
    }
  }

  public func data(_ number: Int) -> [[UInt8]] {
    fields.compactMap {
      if $0.number == number, case .bytes(let value) = $0.value { value } else { nil }
    }
  }

  public func strings(_ number: Int) -> [String] {
    data(number).map { String(decoding: $0, as: UTF8.self) }
  }

  public func messages(_ number: Int) throws -> [ProtobufMessage] {
    try data(number).map { try ProtobufMessage($0) }
  }
}
