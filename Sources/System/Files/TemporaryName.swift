/// The names of files and folders that are still being written: `.tmp-<name>-<pid>-<random>`.

import Foundation
import Glibc

/// Makes, recognizes and removes temporary names, so that leftovers of a killed run can be distinguished from
/// files that belong to somebody else.
package enum TemporaryName {
  /// A new unique name in the folder of `target`.
  package static func beside(_ target: String) -> String {
    let (folder, name) = split(target)
    let random = String(UInt64.random(in: .min ... .max), radix: 16)
    let padded = String(repeating: "0", count: 16 - random.count) + random
    return "\(folder)/.tmp-\(name)-\(getpid())-\(padded)"
  }

  /// Whether `name`, a last path component, was made by `beside(_:)`.
  package static func matches(_ name: String) -> Bool {
    name.wholeMatch(of: /\.tmp-.+-[0-9]+-[0-9a-f]{16}/) != nil
  }

  /// Removes every temporary file and folder directly inside `folder`.
  ///
  /// Only for a folder that is locked: a temporary may belong to a process that still writes.
  package static func removeLeftovers(in folder: String) throws(FileError) {
    for name in try DirectoryListing.names(in: folder) where matches(name) {
      try remove("\(folder)/\(name)")
    }
  }

  /// Removes a file or a whole folder, without following symbolic links.
  package static func remove(_ path: String) throws(FileError) {
    do {
      try FileManager.default.removeItem(atPath: path)
    } catch {
      var status = stat()
      if lstat(path, &status) != 0, errno == ENOENT { return }
      let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
      throw .failed(operation: "remove", path: path, code: Int32(underlying?.code ?? Int(EIO)))
    }
  }

  /// The folder and the last component of a path; the folder of a bare name is `.`.
  package static func split(_ path: String) -> (folder: String, name: String) {
    var trimmed = Substring(path)
    while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
    guard let slash = trimmed.lastIndex(of: "/") else { return (".", String(trimmed)) }
    let folder = trimmed[..<slash]
    return (folder.isEmpty ? "/" : String(folder), String(trimmed[trimmed.index(after: slash)...]))
  }
}
