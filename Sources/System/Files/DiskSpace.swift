/// Where a folder's files would go, and how much room is there.

import Glibc

/// The file system of a folder, which need not exist yet.
package struct DiskSpace: Sendable {
  /// The folder itself, or the nearest one above it that exists.
  package let folder: String
  /// Bytes that this user may still write; quotas may leave less.
  package let free: Int
  /// Whether this process may make files in `folder`.
  package let isWritable: Bool

  /// - Throws: `FileError`.
  package init(of path: String) throws(FileError) {
    var folder = path.isEmpty ? "." : path
    while access(folder, F_OK) != 0, errno == ENOENT, folder != ".", folder != "/" {
      folder = TemporaryName.split(folder).folder
    }
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { throw .current("examine", folder) }
    self.folder = folder
    free = Int(status.f_bavail) * Int(status.f_frsize)
    isWritable = access(folder, W_OK | X_OK) == 0
  }
}
