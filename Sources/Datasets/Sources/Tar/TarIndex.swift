/// Where the files inside a tar archive begin and end, so that each can be read by itself.

import CArchive
import Foundation

/// The regular files of one uncompressed tar archive, in the archive's order, found by libarchive.
struct TarIndex {
  struct Member: Equatable {
    let path: String
    /// Bytes from the archive's beginning.
    let offset: Int
    let size: Int
  }

  let path: String
  /// Bytes of the archive.
  let size: Int
  private(set) var members: [Member] = []
  /// The contents of small members that were requested, by their position in `members`.
  private(set) var contents: [Int: [UInt8]] = [:]

  /// Walks through the headers.
  ///
  /// - Parameters:
  ///   - wantsContents: whether a member's content is kept, by its path; such members must be small.
  /// - Throws: `DatasetError.unreadable`, also for an archive that is cut short: it has no end mark.
  init(_ path: String, wantsContents: (String) -> Bool) throws {
    self.path = path
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw DatasetError.unreadable(path: path, reason: String(cString: strerror(errno)))
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw DatasetError.unreadable(path: path, reason: "it is not a file")
    }
    size = Int(status.st_size)
    let archive = archive_read_new()
    defer { archive_read_free(archive) }
    archive_read_support_format_tar(archive)
    // Small blocks: between two headers the data are skipped.
    guard archive_read_open_filename(archive, path, 1 << 12) == ARCHIVE_OK else {
      throw Self.failure(path, archive)
    }
    var end = 0
    while let entry = try Self.next(archive, path) {
      let offset = Int(archive_filter_bytes(archive, 0))
      let bytes = Int(archive_entry_size(entry))
      guard shim_is_regular_file(entry) != 0, archive_entry_hardlink(entry) == nil else {
        end = max(end, offset)
        continue
      }
      let name = archive_entry_pathname(entry).map { String(cString: $0) } ?? ""
      guard archive_entry_sparse_count(entry) == 0 else {
        throw DatasetError.unreadable(path: path, reason: "its member '\(name)' is a sparse file")
      }
      // A header can claim more bytes than may be rounded up.
      guard bytes <= size - offset else { throw Self.cutShort(path, in: name) }
      end = offset + (bytes + 511) / 512 * 512
      guard end <= size else { throw Self.cutShort(path, in: name) }
      if wantsContents(name) {
        contents[members.count] = try Self.content(archive, path, name: name, bytes: bytes)
      }
      members.append(Member(path: name, offset: offset, size: bytes))
    }
    // An archive ends with blocks of zeros.
    guard end + 512 <= size else { throw Self.cutShort(path, in: members.last?.path ?? "") }
  }

  private static func next(_ archive: OpaquePointer?, _ path: String) throws -> OpaquePointer? {
    var entry: OpaquePointer?
    let code = archive_read_next_header(archive, &entry)
    if code == ARCHIVE_EOF { return nil }
    guard code == ARCHIVE_OK || code == ARCHIVE_WARN, let entry else {
      throw failure(path, archive)
    }
    return entry
  }

  private static func content(
    _ archive: OpaquePointer?, _ path: String, name: String, bytes: Int
  ) throws -> [UInt8] {
    guard bytes <= 1 << 12 else {
      throw DatasetError.unreadable(
        path: path, reason: "its member '\(name)' should hold a label and holds \(bytes) bytes")
    }
    var content = [UInt8](repeating: 0, count: bytes)
    guard archive_read_data(archive, &content, bytes) == bytes else { throw failure(path, archive) }
    return content
  }

  private static func failure(_ path: String, _ archive: OpaquePointer?) -> DatasetError {
    let reason = archive_error_string(archive).map { String(cString: $0) } ?? "unknown error"
    return .unreadable(
      path: path,
      reason: "\(reason): it is no uncompressed tar archive, or it is damaged or cut short")
  }

  private static func cutShort(_ path: String, in member: String) -> DatasetError {
    .unreadable(
      path: path,
      reason: "it is cut short at its member '\(member)': fetch or copy it again")
  }
}
