/// Unpacking of .tar.gz archives through libarchive, into a folder that appears whole.

import CArchive
import Foundation

enum ArchiveUnpacker {
  /// Unpacks regular files and folders of the archive at `path` into `folder`, which must be empty.
  ///
  /// - Parameter limit: bytes that the files may have in all.
  /// - Throws: `FetchError.archive` for a damaged archive and for one that holds links, absolute
  ///   paths, paths with `..`, or more than `limit` bytes.
  static func unpack(_ path: String, into folder: String, limit: Int) throws {
    let archive = archive_read_new()
    defer { archive_read_free(archive) }
    archive_read_support_filter_gzip(archive)
    archive_read_support_format_tar(archive)
    guard archive_read_open_filename(archive, path, 1 << 16) == ARCHIVE_OK else {
      throw FetchError.archive(path: path, reason: message(archive))
    }
    var remaining = limit
    while true {
      var entry: OpaquePointer?
      let code = archive_read_next_header(archive, &entry)
      if code == ARCHIVE_EOF { return }
      guard code == ARCHIVE_OK, let entry else {
        throw FetchError.archive(path: path, reason: message(archive))
      }
      try unpack(entry, of: archive, path, into: folder, remaining: &remaining)
    }
  }

  private static func unpack(
    _ entry: OpaquePointer, of archive: OpaquePointer?, _ path: String, into folder: String,
    remaining: inout Int
  ) throws {
    let name = archive_entry_pathname(entry).map { String(cString: $0) } ?? ""
    let parts = name.split(separator: "/")
    guard !name.isEmpty, !name.hasPrefix("/"), !parts.contains("..") else {
      throw FetchError.archive(path: path, reason: "it holds the unsafe path '\(name)'")
    }
    let target = "\(folder)/\(name)"
    guard archive_entry_hardlink(entry) == nil else {
      throw FetchError.archive(path: path, reason: "'\(name)' is a link")
    }
    if shim_is_folder(entry) != 0 {
      try makeFolder(target)
    } else if shim_is_regular_file(entry) != 0 {
      try makeFolder((target as NSString).deletingLastPathComponent)
      try copy(archive, path, to: target, remaining: &remaining)
    } else {
      throw FetchError.archive(path: path, reason: "'\(name)' is neither a file nor a folder")
    }
  }

  private static func copy(
    _ archive: OpaquePointer?, _ path: String, to target: String, remaining: inout Int
  ) throws {
    guard FileManager.default.createFile(atPath: target, contents: nil),
      let handle = FileHandle(forWritingAtPath: target)
    else { throw FetchError.current(target) }
    defer { try? handle.close() }
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = archive_read_data(archive, &buffer, buffer.count)
      if count == 0 { break }
      guard count > 0 else { throw FetchError.archive(path: path, reason: message(archive)) }
      remaining -= count
      guard remaining >= 0 else {
        throw FetchError.archive(path: path, reason: "it holds far more than it should")
      }
      do { try handle.write(contentsOf: buffer[..<count]) } catch {
        throw FetchError.writing(target, error)
      }
    }
    do { try handle.synchronize() } catch {
      throw FetchError.writing(target, error)
    }
  }

  private static func makeFolder(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch { throw FetchError.writing(path, error) }
  }

  private static func message(_ archive: OpaquePointer?) -> String {
    archive_error_string(archive).map { String(cString: $0) } ?? "it is damaged"
  }
}
