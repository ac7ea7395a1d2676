/// Regular files, read by position.

import Glibc
package import SystemPackage

/// Why a file cannot be read.
package enum FileReadError: Error, Equatable {
  /// The system refused an operation (a verb, such as "open").
  case refused(operation: String, Errno)
  case notRegular
  /// The file ends before what was to be read.
  case shrank

  package var operation: String {
    switch self {
    case .refused(let operation, _): operation
    case .notRegular, .shrank: "read"
    }
  }

  /// In words, without the file's name.
  package var reason: String {
    switch self {
    case .refused(_, let error): error.description
    case .notRegular: "not a regular file"
    case .shrank: "the file shrank while it was open"
    }
  }
}

/// An open regular file. Reads carry their own position, so threads may share it.
///
/// Files are read, not memory-mapped: a file that shrinks while mapped would end the process with
/// SIGBUS, a short read is an error.
package final class ReadableFile: Sendable {
  /// Bytes when it was opened.
  package let count: Int
  private let descriptor: FileDescriptor

  package init(_ path: String) throws(FileReadError) {
    do {
      // Without O_NONBLOCK, which regular files ignore, opening a pipe would wait for its writer.
      descriptor = try FileDescriptor.open(
        FilePath(path), .readOnly, options: [.closeOnExec, .nonBlocking])
    } catch { throw .refused(operation: "open", Errno(error)) }
    var status = stat()
    guard fstat(descriptor.rawValue, &status) == 0 else {
      let error = Errno(rawValue: errno)
      try? descriptor.close()
      throw .refused(operation: "inspect", error)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      try? descriptor.close()
      throw .notRegular
    }
    count = Int(status.st_size)
  }

  deinit { try? descriptor.close() }

  /// Fills `buffer` with the bytes from `offset` on.
  package func read(
    at offset: Int, into buffer: inout MutableRawSpan
  ) throws(FileReadError) {
    var done = 0
    while done < buffer.byteCount {
      let got: Int
      do {
        got = try buffer.withUnsafeMutableBytes { bytes in
          try descriptor.read(
            fromAbsoluteOffset: Int64(offset + done), into: .init(rebasing: bytes[done...]))
        }
      } catch { throw .refused(operation: "read", Errno(error)) }
      if got == 0 { throw .shrank }
      done += got
    }
  }

  /// The bytes in `range`.
  package func bytes(_ range: Range<Int>) throws(FileReadError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: range.count)
    var span = bytes.mutableSpan
    var raw = span.mutableBytes
    try read(at: range.lowerBound, into: &raw)
    return bytes
  }
}

extension Errno {
  /// What a call of `FileDescriptor` throws is an `Errno`.
  fileprivate init(_ error: any Error) { self = error as? Errno ?? .ioError }
}
