/// Which build of the program this is: the identifier that the linker has given it (`--build-id`).

/// The same for every copy of a build, wherever it is installed; another for every other build.
package enum BuildIdentifier {
  /// In hexadecimal digits; nil where the program was linked without one.
  package static let hexadecimal: String? = read("/proc/self/exe")

  private static let noteSegment = 4
  private static let buildNote = 3

  /// Looks for the note "GNU" of the build in a 64-bit ELF file.
  private static func read(_ path: String) -> String? {
    guard let file = try? ReadableFile(path), let header = Fields(file, 0..<64),
      header.magic == 0x464c_457f
    else { return nil }
    let (start, size) = (header.number(at: 32, bytes: 8), header.number(at: 54, bytes: 2))
    for index in 0..<header.number(at: 56, bytes: 2) {
      let offset = start + index * size
      guard let segment = Fields(file, offset..<offset + size) else { return nil }
      guard segment.number(at: 0, bytes: 4) == noteSegment else { continue }
      let notes = segment.number(at: 8, bytes: 8)
      guard let fields = Fields(file, notes..<notes + segment.number(at: 32, bytes: 8)) else {
        return nil
      }
      if let identifier = identifier(in: fields) { return identifier }
    }
    return nil
  }

  private static func identifier(in notes: Fields) -> String? {
    var offset = 0
    while offset + 12 <= notes.bytes.count {
      let name = notes.number(at: offset, bytes: 4)
      let content = notes.number(at: offset + 4, bytes: 4)
      let first = offset + 12 + (name + 3) / 4 * 4
      guard first + content <= notes.bytes.count else { return nil }
      if notes.number(at: offset + 8, bytes: 4) == buildNote,
        notes.bytes[offset + 12..<offset + 12 + name].elementsEqual("GNU\0".utf8)
      {
        return Hexadecimal.text(notes.bytes[first..<first + content])
      }
      offset = first + (content + 3) / 4 * 4
    }
    return nil
  }

  /// Little-endian numbers in a part of a file.
  private struct Fields {
    let bytes: [UInt8]

    init?(_ file: ReadableFile, _ range: Range<Int>) {
      guard range.upperBound <= file.count, let bytes = try? file.bytes(range) else { return nil }
      self.bytes = bytes
    }

    var magic: Int { number(at: 0, bytes: 4) }

    func number(at offset: Int, bytes count: Int) -> Int {
      bytes[offset..<offset + count].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
  }
}
