/// A file that is seen either whole or not at all, whatever happens while it is written.

import Glibc

/// Writes under a temporary name beside the target, syncs, renames over the target and syncs the
/// folder. After an error the target is as it was and the temporary is gone.
package enum AtomicFile {
  /// Replaces `path` by a file of these bytes.
  ///
  /// - Parameter isDurable: whether it survives a power failure; without that nothing waits for the disk.
  package static func write(
    _ bytes: [UInt8], to path: String, isDurable: Bool = true
  ) throws(FileError) {
    let temporary = TemporaryName.beside(path)
    do throws(FileError) {
      let file = try OpenFile(temporary, O_WRONLY | O_CREAT | O_EXCL)
      try file.write(bytes)
      if isDurable { try file.synchronize() }
      guard rename(temporary, path) == 0 else { throw .current("rename to", path) }
    } catch {
      unlink(temporary)
      throw error.renamed(from: temporary, to: path)
    }
    if isDurable { try DirectoryListing.synchronize(TemporaryName.split(path).folder) }
  }

  /// Makes a file that was written under a temporary name beside `path` the file at `path`.
  package static func move(_ temporary: String, to path: String) throws(FileError) {
    try OpenFile(temporary, O_RDONLY).synchronize()
    guard rename(temporary, path) == 0 else { throw .current("rename to", path) }
    try DirectoryListing.synchronize(TemporaryName.split(path).folder)
  }

  /// Replaces `path` by a UTF-8 file of this text.
  package static func write(_ text: String, to path: String) throws(FileError) {
    try write(Array(text.utf8), to: path)
  }
}

extension FileError {
  /// The same failure about the file that the caller named.
  package func renamed(from temporary: String, to path: String) -> FileError {
    guard case .failed(let operation, let place, let code) = self, place.hasPrefix(temporary)
    else { return self }
    let inside = place.dropFirst(temporary.count)
    return .failed(operation: operation, path: path + inside, code: code)
  }
}
