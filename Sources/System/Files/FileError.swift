/// A file operation that the operating system refused, with its path and reason.

import Glibc

/// What went wrong with a file: the operation, the path and the system's error number.
package enum FileError: Error, Equatable, Sendable {
  /// `operation` (a verb, such as "write") failed on `path` with `errno` equal to `code`.
  case failed(operation: String, path: String, code: Int32)
  /// A name that must be new is taken already.
  case alreadyExists(path: String)

  /// The failure that `errno` describes right now.
  package static func current(_ operation: String, _ path: String) -> FileError {
    .failed(operation: operation, path: path, code: errno)
  }
}

extension FileError {
  /// What the operating system says, without the path.
  package var reason: String {
    switch self {
    case .failed(_, _, let code): String(cString: strerror(code))
    case .alreadyExists: "exists already"
    }
  }
}

extension FileError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .failed(let operation, let path, let code):
      let isOfRun = Self.isInRunFolder(path)
      let space = "free some space" + (isOfRun ? " or choose another --run-dir" : "")
      let advice =
        switch code {
        case ENOSPC: "; \(space)"
        case EDQUOT: "; the disk quota is used up: \(space)"
        case EFBIG: "; the file-size limit (ulimit -f) is too low for this file"
        case EROFS, EACCES, EPERM:
          "; choose another \(isOfRun ? "--run-dir" : "place") that you may write to"
        default: ""
        }
      return "cannot \(operation) \(path): \(reason)\(advice)"
    case .alreadyExists(let path):
      return "\(path) exists already and is not replaced; remove it or choose another name"
    }
  }

  /// Whether `path` is in a folder that a run writes to: it has had the run's lock since before other files.
  private static func isInRunFolder(_ path: String) -> Bool {
    var folder = path
    // Checkpoints' files are the deepest.
    for _ in 0..<3 {
      folder = TemporaryName.split(folder).folder
      var status = stat()
      if stat("\(folder)/\(runLockName)", &status) == 0, status.st_mode & S_IFMT == S_IFREG {
        return true
      }
    }
    return false
  }

  /// The file that a run holds its folder by.
  package static let runLockName = "lock"
}
