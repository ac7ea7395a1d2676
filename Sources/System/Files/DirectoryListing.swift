/// The entries of a folder, sorted by name.

import Glibc

package enum DirectoryListing {
  /// Every name in `folder` except `.` and `..`, in byte order; bytes that are not UTF-8 are replaced.
  package static func names(in folder: String) throws(FileError) -> [String] {
    try rawNames(in: folder).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The bytes of every name in `folder` except `.` and `..`, in order.
  package static func rawNames(in folder: String) throws(FileError) -> [[UInt8]] {
    guard let stream = opendir(folder) else { throw .current("list", folder) }
    defer { closedir(stream) }
    var names: [[UInt8]] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        if errno != 0 { throw .current("list", folder) }
        break
      }
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      if name != Array(".".utf8), name != Array("..".utf8) { names.append(name) }
    }
    return names.sorted { $0.lexicographicallyPrecedes($1) }
  }

  /// Whether `path` is a folder itself, not a symbolic link to one.
  package static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Makes a folder's entries durable. The corresponding C function is `fsync`.
  package static func synchronize(_ folder: String) throws(FileError) {
    try OpenFile(folder, O_RDONLY | O_DIRECTORY).synchronize()
  }
}
