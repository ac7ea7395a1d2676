/// A whole file as bytes, with a limit.

import Foundation

/// Reads a regular file.
///
/// - Parameter limit: the most bytes it may hold.
/// - Throws: `DatasetError.unreadable`.
func fileBytes(at path: String, limit: Int = 1 << 30) throws -> [UInt8] {
  func failure() -> DatasetError {
    .unreadable(path: path, reason: String(cString: strerror(errno)))
  }
  // Without O_NONBLOCK, opening a pipe would wait for its writer.
  let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
  guard file >= 0 else { throw failure() }
  defer { close(file) }
  var status = stat()
  guard fstat(file, &status) == 0 else { throw failure() }
  guard status.st_mode & S_IFMT == S_IFREG else {
    throw DatasetError.unreadable(path: path, reason: "it is not a file")
  }
  let size = Int(status.st_size)
  guard size <= limit else {
    throw DatasetError.unreadable(
      path: path, reason: "it holds \(size) bytes, more than the \(limit) that are allowed")
  }
  return try [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
    while filled < size {
      let got = Foundation.read(file, buffer.baseAddress! + filled, size - filled)
      if got < 0 {
        if errno == EINTR { continue }
        throw failure()
      }
      if got == 0 { break }
      filled += got
    }
  }
}
