/// A file's bytes, all of them up to a limit, or some.

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
  return try bytes(of: file, 0..<size, failure)
}

/// Reads a part of a file.
///
/// - Throws: `DatasetError.unreadable`, also where the file ends before.
func fileBytes(at path: String, range: Range<Int>) throws -> [UInt8] {
  func failure() -> DatasetError {
    .unreadable(path: path, reason: String(cString: strerror(errno)))
  }
  let file = open(path, O_RDONLY | O_CLOEXEC)
  guard file >= 0 else { throw failure() }
  defer { close(file) }
  let found = try bytes(of: file, range, failure)
  guard found.count == range.count else {
    throw DatasetError.unreadable(path: path, reason: "it has become shorter")
  }
  return found
}

/// Reads up to the file's end at most.
private func bytes(
  of file: Int32, _ range: Range<Int>, _ failure: () -> DatasetError
) throws -> [UInt8] {
  try [UInt8](unsafeUninitializedCapacity: range.count) { buffer, filled in
    while filled < range.count {
      let got = pread(
        file, buffer.baseAddress! + filled, range.count - filled, range.lowerBound + filled)
      if got < 0 {
        if errno == EINTR { continue }
        throw failure()
      }
      if got == 0 { break }
      filled += got
    }
  }
}
