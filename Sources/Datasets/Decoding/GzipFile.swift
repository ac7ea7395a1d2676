/// Reading a file that may be compressed with gzip, never further than asked.

import CZlib
import Foundation

/// An open file whose bytes come out unpacked; one that is not gzip comes out as it is.
///
/// What a caller asks for bounds the memory: a small file that would unpack to terabytes costs
/// nothing.
struct GzipFile: ~Copyable {
  let path: String
  private let file: gzFile

  /// - Throws: `DatasetError.unreadable`.
  init(path: String) throws {
    guard let file = gzopen(path, "rb") else {
      throw DatasetError.unreadable(path: path, reason: String(cString: strerror(errno)))
    }
    self.path = path
    self.file = file
    gzbuffer(file, 1 << 17)
  }

  deinit { gzclose_r(file) }

  /// The next `count` bytes, or fewer where the file ends.
  ///
  /// - Throws: `DatasetError` when the file cannot be read, is damaged or stops inside its
  ///   compressed data.
  mutating func read(_ count: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
      // In pieces, so that a promise the file does not keep allocates nothing.
      let wanted = min(count - bytes.count, 1 << 24)
      let piece = try [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
        let got = gzread(file, buffer.baseAddress, UInt32(wanted))
        if got < wanted { try check() }
        filled = max(0, Int(got))
      }
      bytes += piece
      if piece.count < wanted { break }
    }
    return bytes
  }

  /// Turns zlib's state into an error; an ordinary end of file is none.
  private func check() throws {
    var code: Int32 = Z_OK
    let message = gzerror(file, &code).map { String(cString: $0) } ?? ""
    switch code {
    case Z_OK, Z_STREAM_END: return
    case Z_BUF_ERROR:
      throw DatasetError.unreadable(
        path: path, reason: "its compressed data is cut short, fetch or copy it again")
    case Z_ERRNO:
      throw DatasetError.unreadable(path: path, reason: String(cString: strerror(errno)))
    default:
      throw DatasetError.unreadable(
        path: path, reason: "its compressed data is damaged (\(message)), fetch or copy it again")
    }
  }
}
