/// A folder of files that is seen either complete or not at all.

import Glibc

/// Fills a temporary folder beside the target, syncs every file in it, renames it and syncs the
/// parent. A name is never reused, so no reader ever sees one folder turn into another.
package enum AtomicDirectory {
  /// Creates `path` with the files that `fill` writes into the folder it is given.
  ///
  /// After an error, the caller's own included, the temporary folder is gone and `path` does not
  /// exist. Throws `FileError.alreadyExists` when `path` is taken.
  package static func create(at path: String, fill: (_ temporary: String) throws -> Void) throws {
    var status = stat()
    if lstat(path, &status) == 0 { throw FileError.alreadyExists(path: path) }
    let temporary = TemporaryName.beside(path)
    do {
      guard mkdir(temporary, 0o777) == 0 else { throw FileError.current("create", path) }
      try fill(temporary)
      try synchronizeTree(temporary)
      guard rename(temporary, path) == 0 else {
        if errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR {
          throw FileError.alreadyExists(path: path)
        }
        throw FileError.current("rename to", path)
      }
    } catch {
      try? TemporaryName.remove(temporary)
      throw (error as? FileError)?.renamed(from: temporary, to: path) ?? error
    }
    try DirectoryListing.synchronize(TemporaryName.split(path).folder)
  }

  /// Removes a folder that others may be reading: it disappears by one rename, then is deleted.
  package static func remove(_ path: String) throws(FileError) {
    let temporary = TemporaryName.beside(path)
    guard rename(path, temporary) == 0 else { throw .current("remove", path) }
    try TemporaryName.remove(temporary)
  }

  private static func synchronizeTree(_ folder: String) throws(FileError) {
    for name in try DirectoryListing.names(in: folder) {
      let path = "\(folder)/\(name)"
      if DirectoryListing.isFolder(path) {
        try synchronizeTree(path)
      } else {
        try OpenFile(path, O_RDONLY | O_NONBLOCK).synchronize()
      }
    }
    try DirectoryListing.synchronize(folder)
  }
}
