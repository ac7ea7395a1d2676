/// Checkpoints that `torch.save` wrote (`Oracles/pytorch/make_fixtures.py`), and hand-made ones.

import Foundation
import PyTorchFiles
import TestSupport

enum CheckpointFixture {
  static func path(_ name: String) -> String {
    Bundle.module.resourcePath! + "/Fixtures/\(name).pth"
  }

  static func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: path(name))))
  }

  /// The floating-point tensors of the file at `path`, by name.
  static func tensors(
    _ path: String
  ) throws -> [String: (shape: [Int], values: [Float])] {
    let tensors = try PyTorchFile(contentsOf: path).float32Tensors()
    return Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, ($0.shape, $0.values)) })
  }

  /// The same of a file with these bytes.
  static func tensors(
    _ bytes: [UInt8], in folder: TemporaryDirectory
  ) throws -> [String: (shape: [Int], values: [Float])] {
    let path = folder.file("checkpoint.pth")
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return try tensors(path)
  }
}

/// Writes zip archives of stored entries, as APPNOTE.TXT describes them.
struct ArchiveBuilder {
  /// Whether sizes and places stand in zip64 fields.
  var isWide = false
  private var bytes: [UInt8] = []
  private var directory: [UInt8] = []
  private var count = 0

  init(wide: Bool = false) { isWide = wide }

  /// - Parameter other: the place of an entry with this content, which the directory has under both names.
  /// - Returns: the entry's place.
  @discardableResult
  mutating func add(_ name: String, _ content: [UInt8], at other: Int? = nil) -> Int {
    let place = other ?? bytes.count
    let checksum = little(UInt64(Self.crc32(content)), 4)
    let size = little(isWide ? 0xFFFF_FFFF : UInt64(content.count), 4)
    let length = little(UInt64(name.utf8.count), 2)
    let extra: [UInt8] =
      isWide
      ? little(1, 2) + little(24, 2) + little(UInt64(content.count), 8)
        + little(UInt64(content.count), 8) + little(UInt64(place), 8) : []
    if other == nil {
      bytes += little(0x0403_4B50, 4) + little(45, 2) + little(0, 8) + checksum + size + size
      bytes += length + little(0, 2) + Array(name.utf8) + content
    }
    directory += little(0x0201_4B50, 4) + little(45, 2) + little(45, 2) + little(0, 8) + checksum
    directory += size + size + length + little(UInt64(extra.count), 2) + little(0, 10)
    directory += little(isWide ? 0xFFFF_FFFF : UInt64(place), 4) + Array(name.utf8) + extra
    count += 1
    return place
  }

  /// The whole archive.
  func archive() -> [UInt8] {
    let place = UInt64(bytes.count)
    var result = bytes + directory
    if isWide {
      let record = UInt64(result.count)
      result +=
        little(0x0606_4B50, 4) + little(44, 8) + little(45, 2) + little(45, 2) + little(0, 8)
      result += little(UInt64(count), 8) + little(UInt64(count), 8)
      result += little(UInt64(directory.count), 8) + little(place, 8)
      result += little(0x0706_4B50, 4) + little(0, 4) + little(record, 8) + little(1, 4)
    }
    let number = little(isWide ? 0xFFFF : UInt64(count), 2)
    result += little(0x0605_4B50, 4) + little(0, 4) + number + number
    result += little(isWide ? 0xFFFF_FFFF : UInt64(directory.count), 4)
    result += little(isWide ? 0xFFFF_FFFF : place, 4) + little(0, 2)
    return result
  }

  /// An archive with this pickle and one storage of eight Float32, 0…7.
  static func checkpoint(pickle: [UInt8], wide: Bool = false) -> [UInt8] {
    var builder = ArchiveBuilder(wide: wide)
    builder.add("archive/data.pkl", pickle)
    builder.add("archive/data/0", (0..<8).flatMap { little(UInt64(Float($0).bitPattern), 4) })
    return builder.archive()
  }

  private static func crc32(_ bytes: [UInt8]) -> UInt32 {
    var crc = UInt32.max
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0xEDB8_8320 }
    }
    return ~crc
  }
}

/// The lowest `count` bytes of a number, little-endian.
func little(_ value: UInt64, _ count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
}

/// Opcodes of pickles.
enum Pickle {
  static let begin: [UInt8] = [0x80, 2]
  static let end = Array(".".utf8)
  static let mark = Array("(".utf8)
  static let none = Array("N".utf8)

  /// A pickle of one value.
  static func whole(_ value: [UInt8]) -> [UInt8] { begin + value + end }

  static func text(_ text: String) -> [UInt8] {
    Array("X".utf8) + little(UInt64(text.utf8.count), 4) + Array(text.utf8)
  }

  static func number(_ number: Int) -> [UInt8] {
    [0x8A, 8] + little(UInt64(bitPattern: Int64(number)), 8)
  }

  static func tuple(_ elements: [[UInt8]]) -> [UInt8] {
    mark + Array(elements.joined()) + Array("t".utf8)
  }

  static func list(_ elements: [[UInt8]]) -> [UInt8] {
    Array("](".utf8) + Array(elements.joined()) + Array("e".utf8)
  }

  static func global(_ module: String, _ name: String) -> [UInt8] {
    Array("c\(module)\n\(name)\n".utf8)
  }

  static func call(_ callable: [UInt8], _ arguments: [[UInt8]]) -> [UInt8] {
    callable + tuple(arguments) + Array("R".utf8)
  }

  static func dictionary(_ pairs: [(String, [UInt8])]) -> [UInt8] {
    Array("}".utf8) + mark + pairs.flatMap { text($0) + $1 } + Array("u".utf8)
  }

  /// A tensor on the storage `key` of `elements` Float32.
  ///
  /// - Parameter part: offset and elements of the part of the storage that it lies in.
  static func tensor(
    key: String = "0", elements: Int = 8, offset: Int = 0, shape: [Int], strides: [Int],
    type: String = "FloatStorage", part: (offset: Int, elements: Int)? = nil
  ) -> [UInt8] {
    let whole = [
      text("storage"), global("torch", type), text(key), text("cpu"), number(elements),
    ]
    let view = part.map { [tuple([text("part"), number($0.offset), number($0.elements)])] } ?? []
    let storage = tuple(whole + view) + Array("Q".utf8)
    return call(
      global("torch._utils", "_rebuild_tensor_v2"),
      [
        storage, number(offset), tuple(shape.map(number)), tuple(strides.map(number)), [0x89],
        call(global("collections", "OrderedDict"), []),
      ])
  }

  /// A whole checkpoint with one tensor called `weight`.
  static func checkpoint(weight: [UInt8], wide: Bool = false) -> [UInt8] {
    ArchiveBuilder.checkpoint(pickle: whole(dictionary([("weight", weight)])), wide: wide)
  }
}
