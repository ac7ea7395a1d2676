/// A file that is seen either whole or not at all, whatever happens while it is written.

import Glibc

/// Writes under a temporary name beside the target, syncs, renames over the target and syncs the
/// folder. After an error the target is as it was and the temporary is gone.
///
/// Symbolic links stay, and what they lead to is replaced. A device, a pipe or a socket is written to as it is.
package enum AtomicFile {
  /// Replaces `path` by a file of these bytes.
  ///
  /// - Parameter isDurable: whether it survives a power failure; without that nothing waits for the disk.
  package static func write(
    _ bytes: [UInt8], to path: String, isDurable: Bool = true
  ) throws(FileError) {
    // Of /dev/stdout: the descriptor itself, so that a file gets it after what was written before.
    if isStandardOutput(path) { return try OpenFile.write(bytes, to: STDOUT_FILENO, path: path) }
    guard let target = try replaceable(path) else {
      return try OpenFile(path, O_WRONLY).write(bytes)
    }
    let temporary = TemporaryName.beside(target)
    do throws(FileError) {
      let file = try OpenFile(temporary, O_WRONLY | O_CREAT | O_EXCL)
      try file.write(bytes)
      if isDurable { try file.synchronize() }
      guard rename(temporary, target) == 0 else { throw .current("rename to", path) }
    } catch {
      unlink(temporary)
      throw error.renamed(from: temporary, to: path)
    }
    if isDurable { try DirectoryListing.synchronize(TemporaryName.split(target).folder) }
  }

  /// Makes a file that was written under a temporary name beside `path` the file at `path`.
  package static func move(_ temporary: String, to path: String) throws(FileError) {
    guard let target = try replaceable(path) else { throw .alreadyExists(path: path) }
    try OpenFile(temporary, O_RDONLY).synchronize()
    guard rename(temporary, target) == 0 else { throw .current("rename to", path) }
    try DirectoryListing.synchronize(TemporaryName.split(target).folder)
  }

  /// Replaces `path` by a UTF-8 file of this text.
  package static func write(_ text: String, to path: String) throws(FileError) {
    try write(Array(text.utf8), to: path)
  }

  /// Checks that `write` can write to `path`, and changes nothing.
  package static func check(_ path: String) throws(FileError) {
    if let target = try replaceable(path) {
      guard access(TemporaryName.split(target).folder, W_OK | X_OK) == 0 else {
        throw .current("write", path)
      }
      return
    }
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
      throw .failed(operation: "write", path: path, code: EISDIR)
    }
    guard access(path, W_OK) == 0 else { throw .current("write", path) }
  }

  private static func isStandardOutput(_ path: String) -> Bool {
    var (named, standard) = (stat(), stat())
    return stat(path, &named) == 0 && fstat(STDOUT_FILENO, &standard) == 0
      && named.st_dev == standard.st_dev && named.st_ino == standard.st_ino
  }

  /// The place that symbolic links at `path` lead to, where a file is or none yet; nil: something else is there.
  private static func replaceable(_ path: String) throws(FileError) -> String? {
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG { return nil }
    var target = path
    // Linux follows 40 links at most.
    for _ in 0..<40 {
      guard lstat(target, &status) == 0, status.st_mode & S_IFMT == S_IFLNK else { return target }
      var bytes = [CChar](repeating: 0, count: 4096)
      let count = readlink(target, &bytes, bytes.count)
      guard count >= 0 else { throw .current("read the link", path) }
      let link = bytes.withUnsafeBytes { String(decoding: $0.prefix(count), as: UTF8.self) }
      target = link.hasPrefix("/") ? link : "\(TemporaryName.split(target).folder)/\(link)"
    }
    throw .failed(operation: "open", path: path, code: ELOOP)
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
