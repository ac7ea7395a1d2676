/// An open file descriptor that closes itself, with every refusal turned into a `FileError`.

import Glibc
internal import SystemPackage

/// Owns one descriptor; each call retries when a signal interrupts it.
package struct OpenFile: ~Copyable {
  package let descriptor: Int32
  package let path: String

  /// The corresponding C function is `open`; `O_CLOEXEC` is always added.
  package init(_ path: String, _ flags: Int32, mode: mode_t = 0o666) throws(FileError) {
    var opened: Int32
    repeat {
      opened = open(path, flags | O_CLOEXEC, mode)
    } while opened < 0 && errno == EINTR
    guard opened >= 0 else { throw .current("open", path) }
    descriptor = opened
    self.path = path
  }

  /// Writes every byte, in one `write` unless the system takes fewer.
  package func write(_ bytes: [UInt8]) throws(FileError) {
    try Self.write(bytes, to: descriptor, path: path)
  }

  /// The same to a descriptor that stays the caller's.
  ///
  /// - Parameters:
  ///   - operation: what an error says cannot be done, a verb.
  ///   - path: what an error calls it.
  package static func write(
    _ bytes: [UInt8], to descriptor: Int32, operation: String = "write", path: String
  ) throws(FileError) {
    do throws(Errno) {
      try writeEverything(bytes, to: descriptor)
    } catch {
      throw .failed(operation: operation, path: path, code: error.rawValue)
    }
  }

  /// Adds bytes at the end of a file that was opened with `O_APPEND`. When that fails, what was written of
  /// them is taken back.
  package func append(_ bytes: [UInt8]) throws(FileError) {
    let before = try size()
    do throws(FileError) {
      try write(bytes)
    } catch {
      try? truncate(to: before)
      throw error
    }
  }

  /// The corresponding C function is `fsync`.
  package func synchronize() throws(FileError) {
    while fsync(descriptor) != 0 {
      if errno == EINTR { continue }
      throw .current("sync", path)
    }
  }

  /// The file's size in bytes.
  package func size() throws(FileError) -> Int {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .current("stat", path) }
    return Int(status.st_size)
  }

  /// The corresponding C function is `ftruncate`.
  package func truncate(to size: Int) throws(FileError) {
    while ftruncate(descriptor, off_t(size)) != 0 {
      if errno == EINTR { continue }
      throw .current("truncate", path)
    }
  }

  deinit { close(descriptor) }
}
