/// What can go wrong while a data set is fetched.

import Foundation

public enum FetchError: Error, Equatable, CustomStringConvertible {
  case http(url: String, status: Int)
  case network(url: String, reason: String, attempts: Int)
  case wrongSize(url: String, expected: Int, found: Int)
  case wrongDigest(url: String, expected: String, found: String)
  case file(path: String, reason: String)
  case archive(path: String, reason: String)
  case inUse(folder: String)

  public var description: String {
    let again = "what has arrived is kept, run the same command again to go on"
    return switch self {
    case .http(let url, let status):
      "\(url): the server answers \(status). Try --mirror with another place that has the same files"
    case .network(let url, let reason, let attempts):
      "\(url): \(reason), after \(attempts) \(attempts == 1 ? "attempt" : "attempts"); \(again)"
    case .wrongSize(let url, let expected, let found):
      "\(url) has \(found) bytes instead of \(expected): it is not the file that is expected there"
    case .wrongDigest(let url, let expected, let found):
      "\(url) has SHA-256 \(found) instead of \(expected): what arrived was deleted, run the command "
        + "again; if it happens twice, the place has another file"
    case .file(let path, let reason): "\(path): \(reason)"
    case .archive(let path, let reason): "cannot unpack \(path): \(reason)"
    case .inUse(let folder): "another process is fetching into \(folder): wait for it"
    }
  }

  /// What Foundation says of a failed write to `path`.
  static func writing(_ path: String, _ error: any Error) -> FetchError {
    guard (error as? CocoaError)?.code == .fileWriteOutOfSpace else {
      return .file(path: path, reason: error.localizedDescription)
    }
    return .file(
      path: path,
      reason: "no space is left there. Make room, or choose another folder with --data-dir; then "
        + "run the command again")
  }

  /// The failed system call's reason, for the file at `path`.
  static func current(_ path: String) -> FetchError {
    .file(path: path, reason: String(cString: strerror(errno)))
  }
}
