/// An open file descriptor that closes itself, with every refusal turned into a `FileError`.

import Glibc

/// Owns one descriptor; each call retries when a signal interrupts it.
struct OpenFile: ~Copyable {
  let descriptor: Int32
  let path: String

  /// The corresponding C function is `open`; `O_CLOEXEC` is always added.
  init(_ path: String, _ flags: Int32, mode: mode_t = 0o666) throws(FileError) {
    var opened: Int32
    repeat {
      opened = open(path, flags | O_CLOEXEC, mode)
    } while opened < 0 && errno == EINTR
    guard opened >= 0 else { throw .current("open", path) }
    descriptor = opened
    self.path = path
  }

  /// Writes every byte, in one `write` unless the system takes fewer.
  func write(_ bytes: [UInt8]) throws(FileError) {
    var offset = 0
    while offset < bytes.count {
      let written = bytes.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress! + offset, $0.count - offset)
      }
      if written < 0 {
        if errno == EINTR { continue }
        throw .current("write", path)
      }
      offset += written
    }
  }

  /// The corresponding C function is `fsync`.
  func synchronize() throws(FileError) {
    while fsync(descriptor) != 0 {
      if errno == EINTR { continue }
      throw .current("sync", path)
    }
  }

  /// The file's size in bytes.
  func size() throws(FileError) -> Int {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .current("stat", path) }
    return Int(status.st_size)
  }

  /// The corresponding C function is `ftruncate`.
  func truncate(to size: Int) throws(FileError) {
    while ftruncate(descriptor, off_t(size)) != 0 {
      if errno == EINTR { continue }
      throw .current("truncate", path)
    }
  }

  deinit { close(descriptor) }
}
