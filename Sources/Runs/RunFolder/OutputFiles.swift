/// Files that a command writes where the user says: they replace what is there, but nothing that is missed.

import Distributed
import Glibc
import System

/// Why a command does not write a file where it should.
package enum OutputFileError: UsageError, Equatable, CustomStringConvertible {
  /// Two outputs are one file.
  case same(flags: [String], path: String)
  /// An output is a file that the command reads.
  case input(flag: String, path: String)
  /// An output is a file of a run's own.
  case ofRun(flag: String, path: String, run: String)

  package var description: String {
    switch self {
    case .same(let flags, let path):
      "\(flags.joined(separator: " and ")) name the same file \(path): give each a file of its own"
    case .input(let flag, let path):
      "\(flag) \(path) would replace the file that is read: give it another name"
    case .ofRun(let flag, let path, let run):
      "\(flag) \(path) would replace what belongs to the run in \(run): give it another name, or a place "
        + "outside of the run folder"
    }
  }
}

/// A command's outputs.
package enum OutputFiles {
  /// Checks that no output replaces another one, an input or a file of a run's own.
  ///
  /// - Parameters:
  ///   - outputs: each flag's file; nil: it is not given.
  ///   - inputs: files and folders that are read.
  /// - Throws: `OutputFileError`.
  package static func check(
    _ outputs: [(flag: String, path: String?)], inputs: [String]
  ) throws(OutputFileError) {
    let inputs = Set(inputs.map(resolved))
    var flags: [String: String] = [:]
    for case (let flag, let path?) in outputs where isReplaced(path) {
      let place = resolved(path)
      if let other = flags.updateValue(flag, forKey: place) {
        throw .same(flags: [other, flag], path: path)
      }
      if inputs.contains(place) { throw .input(flag: flag, path: path) }
      if let run = run(owning: place) { throw .ofRun(flag: flag, path: path, run: run) }
    }
  }

  /// Whether writing to `path` makes or replaces a file: devices and pipes are written to as they are.
  private static func isReplaced(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) != 0 || status.st_mode & S_IFMT == S_IFREG
  }

  /// The path without links, also of a file that is not there yet.
  private static func resolved(_ path: String) -> String {
    if let path = real(path) { return path }
    let (folder, name) = TemporaryName.split(path)
    return (real(folder) ?? folder) + "/" + name
  }

  private static func real(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// The run folder to whose own files `path` belongs; nil: none.
  private static func run(owning path: String) -> String? {
    var (folder, name) = TemporaryName.split(path)
    while true {
      if RunFolder.isRun(folder), RunFolder.isOwn(name) { return folder }
      if folder == "/" || folder == "." { return nil }
      (folder, name) = TemporaryName.split(folder)
    }
  }
}
