/// The zip archives that `torch.save` writes: stored entries, large ones with zip64 fields.
///
/// Numbers and names are those of PKWARE's APPNOTE.TXT 6.3.10. Compression, encryption, several disks
/// and everything else that PyTorch does not write are refused.

import CZlib

/// An archive whose central directory has been validated.
struct StoredArchive {
  struct Entry {
    /// The place of the local header.
    let header: Int
    let byteCount: Int
    let checksum: UInt32
  }

  /// By name.
  let entries: [String: Entry]
  private let file: FileBytes

  /// Ample: the largest networks have some thousand tensors.
  private static let maximumEntries = 1_000_000
  private static let endLength = 22
  private static let wideLocatorLength = 20
  private static let localLength = 30

  init(_ file: FileBytes) throws(PyTorchFileError) {
    self.file = file
    let directory = try Self.directory(file)
    entries = try Self.entries(directory.bytes, count: directory.count, file)
  }

  /// The bytes of the entry called `name`, whose checksum is right.
  func bytes(_ name: String) throws(PyTorchFileError) -> [UInt8]? {
    guard let entry = entries[name] else { return nil }
    // The directory's copy of the name and the local one's lengths may differ from each other.
    let local = try Fields(
      file, entry.header..<min(entry.header + Self.localLength, file.count))
    guard local.count == Self.localLength, local.uint32(0) == 0x0403_4B50 else {
      throw file.malformed("\(printable(name)) has no header where one is promised")
    }
    let begin = entry.header + Self.localLength + local.uint16(26) + local.uint16(28)
    guard begin <= file.count, entry.byteCount <= file.count - begin else {
      throw file.malformed("\(printable(name)) ends after the file's end")
    }
    let bytes = try file.bytes(begin..<begin + entry.byteCount)
    let checksum = bytes.withUnsafeBufferPointer { crc32_z(0, $0.baseAddress, $0.count) }
    // zlib takes no pointer as the request for its initial value, which is that of no bytes too.
    guard UInt32(truncatingIfNeeded: checksum) == entry.checksum else {
      throw .damagedEntry(file: file.path, entry: name)
    }
    return bytes
  }

  /// The central directory, found from the file's end.
  private static func directory(
    _ file: FileBytes
  ) throws(PyTorchFileError) -> (bytes: [UInt8], count: Int) {
    // PyTorch writes no comment, so the end record is the last thing.
    guard file.count >= endLength else { throw file.malformed("it is cut short") }
    let place = file.count - endLength
    let end = try Fields(file, place..<file.count)
    guard end.uint32(0) == 0x0605_4B50, end.uint16(20) == 0 else {
      throw file.malformed("the archive's directory is not at its end, so it is cut short")
    }
    var count = end.uint16(10)
    var length = end.uint32(12)
    var offset = end.uint32(16)
    guard end.uint16(4) == 0 || end.uint16(4) == 0xFFFF else {
      throw file.malformed("it is a part of an archive on several disks")
    }
    if count == 0xFFFF || length == 0xFFFF_FFFF || offset == 0xFFFF_FFFF {
      (count, length, offset) = try wideDirectory(file, before: place)
    }
    guard count <= maximumEntries, offset <= place, length <= place - offset else {
      throw file.malformed("its directory does not lie inside it")
    }
    return (try file.bytes(offset..<offset + length), count)
  }

  /// Entries, length and offset of the directory in the zip64 end record.
  private static func wideDirectory(
    _ file: FileBytes, before end: Int
  ) throws(PyTorchFileError) -> (Int, Int, Int) {
    guard end >= wideLocatorLength else { throw file.malformed("it is cut short") }
    let locator = try Fields(file, end - wideLocatorLength..<end)
    guard locator.uint32(0) == 0x0706_4B50, let place = locator.uint64(8), place <= end - 56 else {
      throw file.malformed("its zip64 directory is not where one is promised")
    }
    let record = try Fields(file, place..<place + 56)
    guard record.uint32(0) == 0x0606_4B50, let count = record.uint64(32),
      let length = record.uint64(40), let offset = record.uint64(48)
    else { throw file.malformed("its zip64 directory is not where one is promised") }
    return (count, length, offset)
  }

  private static func entries(
    _ directory: [UInt8], count: Int, _ file: FileBytes
  ) throws(PyTorchFileError) -> [String: Entry] {
    let fields = Fields(directory)
    var entries: [String: Entry] = [:]
    var place = 0
    for _ in 0..<count {
      guard fields.count - place >= 46, fields.uint32(place) == 0x0201_4B50 else {
        throw file.malformed("its directory is cut short")
      }
      let nameLength = fields.uint16(place + 28)
      let extraLength = fields.uint16(place + 30)
      let next = place + 46 + nameLength + extraLength + fields.uint16(place + 32)
      guard next <= fields.count,
        let name = String(
          validating: directory[place + 46..<place + 46 + nameLength], as: UTF8.self)
      else { throw file.malformed("its directory is cut short or names an entry badly") }
      let flags = fields.uint16(place + 8)
      guard flags & 0x0001 == 0, fields.uint16(place + 10) == 0 else {
        throw file.malformed(
          "\(printable(name)) is compressed or encrypted, which torch.save never does")
      }
      var sizes = WideSizes(
        stored: fields.uint32(place + 20), plain: fields.uint32(place + 24),
        header: fields.uint32(place + 42))
      let extra = place + 46 + nameLength
      guard sizes.widen(by: fields, in: extra..<extra + extraLength), sizes.stored == sizes.plain,
        sizes.header <= file.count, sizes.plain <= file.count
      else { throw file.malformed("\(printable(name)) does not lie inside it") }
      let entry = Entry(
        header: sizes.header, byteCount: sizes.plain,
        checksum: UInt32(fields.uint32(place + 16)))
      guard entries.updateValue(entry, forKey: name) == nil else {
        throw file.malformed("it has \(printable(name)) twice")
      }
      place = next
    }
    return entries
  }
}

/// The sizes and place of an entry, which stand in a zip64 field where 32 bits are too few.
private struct WideSizes {
  var stored: Int
  var plain: Int
  var header: Int

  /// - Returns: false if a promised field is not there.
  mutating func widen(by fields: Fields, in extra: Range<Int>) -> Bool {
    let wide = 0xFFFF_FFFF
    guard plain == wide || stored == wide || header == wide else { return true }
    var place = extra.lowerBound
    while extra.upperBound - place >= 4 {
      let end = place + 4 + fields.uint16(place + 2)
      guard end <= extra.upperBound else { return false }
      if fields.uint16(place) == 0x0001 {
        var next = place + 4
        for size in [\Self.plain, \.stored, \.header] where self[keyPath: size] == wide {
          guard end - next >= 8, let value = fields.uint64(next) else { return false }
          self[keyPath: size] = value
          next += 8
        }
        return true
      }
      place = end
    }
    return false
  }
}

/// Little-endian numbers at places that the caller has checked.
private struct Fields {
  private let bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  init(_ file: FileBytes, _ range: Range<Int>) throws(PyTorchFileError) {
    bytes = try file.bytes(range)
  }

  var count: Int { bytes.count }

  func uint16(_ place: Int) -> Int { Int(bytes[place]) | Int(bytes[place + 1]) << 8 }

  func uint32(_ place: Int) -> Int { uint16(place) | uint16(place + 2) << 16 }

  /// Nil beyond what an `Int` holds.
  func uint64(_ place: Int) -> Int? {
    Int(exactly: UInt64(uint32(place)) | UInt64(uint32(place + 4)) << 32)
  }
}
