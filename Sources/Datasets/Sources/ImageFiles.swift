/// Finding the image files of a class, in torchvision's order.

import Foundation
import System

/// The files of an image folder, before any is opened.
enum ImageFiles {
  /// An image file's path below the folder that was listed, and its size in bytes.
  struct File {
    let path: String
    let size: Int
  }

  /// A folder's image files.
  struct Listing {
    var images: [File] = []
    /// Other files.
    var others = 0
  }

  /// All `.jpg`, `.jpeg` and `.png` files below a folder, sorted by folder, then by name.
  ///
  /// Symbolic links are followed, except back to a folder they are in. Hidden files and folders are
  /// left out.
  ///
  /// - Parameters:
  ///   - folder: relative to `root`, as the paths of the result.
  static func list(below folder: String, in root: String) throws -> Listing {
    var others = 0
    var found: [(folder: String, files: [File])] = []
    var open: [(folder: String, above: [FolderIdentity])] = [(folder, [])]
    while let (folder, above) = open.popLast() {
      guard let identity = FolderIdentity(of: root + "/" + folder), !above.contains(identity) else {
        continue
      }
      var files: [File] = []
      for name in try visibleNames(in: root + "/" + folder) {
        let path = folder + "/" + name
        var status = stat()
        guard stat(root + "/" + path, &status) == 0 else {
          throw DatasetError.unreadable(
            path: root + "/" + path, reason: String(cString: strerror(errno)))
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: open.append((path, above + [identity]))
        case S_IFREG where isImage(name): files.append(File(path: path, size: Int(status.st_size)))
        default: others += 1
        }
      }
      found.append((folder, files))
    }
    found.sort { precedes($0.folder, $1.folder) }
    return Listing(images: found.flatMap(\.files), others: others)
  }

  /// A folder's entries, sorted by their bytes, without hidden ones.
  ///
  /// - Throws: `DatasetError`, also where a name is not UTF-8.
  static func visibleNames(in folder: String) throws -> [String] {
    let names: [[UInt8]]
    do {
      names = try DirectoryListing.rawNames(in: folder)
    } catch {
      throw DatasetError.unreadable(path: folder, reason: error.reason)
    }
    return try names.filter { $0.first != UInt8(ascii: ".") }.map { bytes in
      guard let name = String(validating: bytes, as: UTF8.self) else {
        throw DatasetError.undecodableName(folder: folder, name: escaped(bytes))
      }
      return name
    }
  }

  /// A name's ASCII characters, and `\x` with two digits for every other byte.
  private static func escaped(_ name: [UInt8]) -> String {
    name.map { byte in
      (0x20..<0x7F).contains(byte)
        ? String(UnicodeScalar(byte))
        : "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
  }

  private static func precedes(_ left: String, _ right: String) -> Bool {
    left.utf8.lexicographicallyPrecedes(right.utf8)
  }

  /// Whether a file's name is an image's.
  static func isImage(_ name: String) -> Bool {
    let name = name.lowercased()
    return [".jpg", ".jpeg", ".png"].contains { name.hasSuffix($0) }
  }
}

/// Tells whether two paths lead to the same folder.
private struct FolderIdentity: Equatable {
  let device: UInt
  let number: UInt

  init?(of path: String) {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return nil }
    (device, number) = (UInt(status.st_dev), UInt(status.st_ino))
  }
}

/// Whether a path leads to a folder, through symbolic links too.
func isFolder(_ path: String) -> Bool {
  var folder: ObjCBool = false
  return FileManager.default.fileExists(atPath: path, isDirectory: &folder) && folder.boolValue
}
