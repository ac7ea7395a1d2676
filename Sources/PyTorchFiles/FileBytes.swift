/// A file's bytes by position.

import Glibc

/// An open regular file of fixed size. Reads carry their own position.
///
/// Files are read, not memory-mapped: a file that shrinks while mapped would end the process with
/// SIGBUS, a short read is an error.
final class FileBytes: Sendable {
  let path: String
  let count: Int
  private let descriptor: Int32

  /// - Throws: `PyTorchFileError.system`.
  init(path: String) throws(PyTorchFileError) {
    // Without O_NONBLOCK, which regular files ignore, opening a pipe would wait for its writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw .system(file: path, operation: "open", reason: String(cString: strerror(errno)))
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw .system(file: path, operation: "read", reason: "not a regular file")
    }
    self.path = path
    self.descriptor = descriptor
    count = Int(status.st_size)
  }

  deinit { close(descriptor) }

  /// The bytes in `range`, which lies in the file.
  func bytes(_ range: Range<Int>) throws(PyTorchFileError) -> [UInt8] {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    var bytes = [UInt8](repeating: 0, count: range.count)
    var done = 0
    while done < bytes.count {
      let got = bytes.withUnsafeMutableBytes {
        pread(descriptor, $0.baseAddress! + done, $0.count - done, off_t(range.lowerBound + done))
      }
      if got > 0 {
        done += got
      } else if got == 0 {
        throw .system(
          file: path, operation: "read", reason: "the file shrank while it was open")
      } else if errno != EINTR {
        throw .system(file: path, operation: "read", reason: String(cString: strerror(errno)))
      }
    }
    return bytes
  }
}
