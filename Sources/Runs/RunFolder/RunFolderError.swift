/// Why a run folder cannot be used.

/// Each case says which folder and, in its message, what to do.
package enum RunFolderError: Error, Equatable, Sendable {
  /// Another process trains into this folder; `holder` is what its lock file says.
  case inUse(path: String, holder: String)
  /// A new run was requested, but the folder has files in it.
  case notEmpty(path: String)
  /// A run was to be resumed, but there is no such folder.
  case nothingToResume(path: String)
  /// The path is something else than a folder.
  case notAFolder(path: String)
}

extension RunFolderError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .inUse(let path, let holder):
      "run folder \(path) is in use by \(holder); wait for it, stop it, or choose another --run-dir"
    case .notEmpty(let path):
      "run folder \(path) is not empty; add --resume to continue its run, or choose another --run-dir"
    case .nothingToResume(let path):
      "there is no run folder \(path) to resume; check --run-dir, or leave --resume out to start one"
    case .notAFolder(let path):
      "\(path) is not a folder; choose another --run-dir"
    }
  }
}
