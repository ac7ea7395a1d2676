/// PyTorch's format before version 1.6 (`torch/serialization.py`, `_legacy_save`): five pickles, one after the
/// other, and the storages.
///
/// The pickles are a magic number, the format's version, what the writing machine was, the object, and a list
/// of the storages' keys. A storage is its number of elements in 64 bits, and their bytes. Nothing has
/// a checksum.

/// The first pickle.
enum SequenceSignature {
  /// Within this the signature ends.
  static let maximumByteCount = 24

  /// `LONG1` with ten bytes, 0x1950a86a20f9469cfc6c, and `STOP`.
  private static let code: [UInt8] = [
    0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
  ]

  /// Where the second pickle begins; nil if the file begins otherwise.
  static func end(in bytes: [UInt8]) -> Int? {
    guard bytes.count > 2, bytes[0] == 0x80, (2...5).contains(bytes[1]) else { return nil }
    // From protocol 4 on, a frame's opcode and length come first.
    let begin = bytes[2] == 0x95 ? 11 : 2
    return bytes.dropFirst(begin).starts(with: code) ? begin + code.count : nil
  }
}

extension CheckpointContents {
  /// The one version that there was.
  private static let version = 1001

  /// - Parameter file: begins with the signature.
  init(sequence file: FileBytes) throws(PyTorchFileError) {
    // One byte more, so that what is cut is seen to be.
    let code = try file.bytes(0..<min(file.count, PickleBytes.maximumByteCount + 1))
    var place = SequenceSignature.end(in: code)!
    func next() throws(PyTorchFileError) -> (PickleValue, PickleMachine) {
      var machine = PickleMachine(code, from: place, file: file.path)
      let value = try machine.run()
      place = machine.place
      return (value, machine)
    }
    guard case .int(Self.version) = try next().0 else {
      throw file.malformed("it is not of version \(Self.version), the only one of its format")
    }
    let (system, facts) = try next()
    guard case .dictionary(let index) = system,
      facts.dictionaries[index].contains(where: {
        if case (.string("little_endian"), .bool(true)) = $0 { true } else { false }
      })
    else { throw file.malformed("its numbers are not little-endian") }
    (object, machine) = try next()
    let (list, names) = try next()
    guard case .list(let index) = list else { throw file.malformed("it has no list of storages") }
    var keys: [String] = []
    for value in names.lists[index] {
      guard case .string(let key) = value else {
        throw file.malformed("a storage's key is \(value.kind), not a string")
      }
      keys.append(key)
    }
    storages = try ConsecutiveStorages(file, from: place, keys: keys, known: machine.storages)
  }
}

/// Storages that follow each other.
private struct ConsecutiveStorages: StoredBytes {
  private let file: FileBytes
  private var ranges: [String: Range<Int>] = [:]

  /// - Parameters:
  ///   - place: where the first storage begins.
  ///   - keys: in the storages' order.
  ///   - known: what the object says of each; without it their element size is not known.
  init(
    _ file: FileBytes, from place: Int, keys: [String], known: [String: StorageReference]
  ) throws(PyTorchFileError) {
    self.file = file
    var place = place
    for key in keys {
      let name = "storage \(printable(key))"
      guard let storage = known[key] else {
        throw file.malformed("it lists \(name), which no tensor lies in")
      }
      guard ranges[key] == nil else { throw file.malformed("it lists \(name) twice") }
      guard file.count - place >= 8 else { throw file.malformed("it ends before \(name)") }
      let count = try file.bytes(place..<place + 8).reversed()
        .reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
      place += 8
      guard count == UInt64(storage.count) else {
        throw file.malformed("\(name) has \(count) elements, its tensors say \(storage.count)")
      }
      guard storage.count <= (file.count - place) / storage.type.byteCount else {
        throw file.malformed("\(name) of \(count) elements ends after the file's end")
      }
      let end = place + storage.count * storage.type.byteCount
      ranges[key] = place..<end
      place = end
    }
  }

  func byteCount(_ key: String) -> Int? { ranges[key]?.count }

  func bytes(_ key: String) throws(PyTorchFileError) -> [UInt8] { try file.bytes(ranges[key]!) }
}
