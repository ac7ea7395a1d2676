/// The folder of an evaluation's files (`--output-dir`).

import Foundation
import System

package enum OutputFolder {
  /// Makes a folder, parents included, where it is missing, and checks that files can be written into it.
  ///
  /// - Throws: `OutputFolderError`, `FileError`.
  package static func make(_ path: String) throws {
    do { try RunFolder.makeFolders(path) } catch RunFolderError.notAFolder(let place) {
      throw OutputFolderError(path: place)
    }
    guard access(path, W_OK | X_OK) == 0 else { throw FileError.current("write into", path) }
  }
}

/// The path of a folder leads to something else.
struct OutputFolderError: Error, CustomStringConvertible {
  let path: String

  var description: String { "\(path) is not a folder: choose another --output-dir" }
}
