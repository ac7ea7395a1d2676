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

extension FileError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .failed(let operation, let path, let code):
      let reason = String(cString: strerror(code))
      let advice =
        switch code {
        case ENOSPC: "; free some space or choose another --run-dir"
        case EDQUOT: "; the disk quota is used up: free some space or choose another --run-dir"
        case EFBIG: "; the file-size limit (ulimit -f) is too low for this file"
        case EROFS, EACCES, EPERM: "; choose another --run-dir that you may write to"
        default: ""
        }
      return "cannot \(operation) \(path): \(reason)\(advice)"
    case .alreadyExists(let path):
      return "\(path) exists already and is not replaced; remove it or choose another name"
    }
  }
}
