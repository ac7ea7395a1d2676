/// A file's bytes by position, with this module's errors.

import System

/// An open regular file of fixed size.
struct FileBytes: Sendable {
  let path: String
  private let file: ReadableFile

  /// - Throws: `PyTorchFileError.system`.
  init(path: String) throws(PyTorchFileError) {
    self.path = path
    do throws(FileReadError) { file = try ReadableFile(path) } catch {
      throw PyTorchFileError(path, error)
    }
  }

  var count: Int { file.count }

  /// The bytes in `range`, which lies in the file.
  func bytes(_ range: Range<Int>) throws(PyTorchFileError) -> [UInt8] {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    do throws(FileReadError) { return try file.bytes(range) } catch {
      throw PyTorchFileError(path, error)
    }
  }

  func malformed(_ problem: String) -> PyTorchFileError {
    .malformed(file: path, problem: problem)
  }
}

extension PyTorchFileError {
  fileprivate init(_ file: String, _ error: FileReadError) {
    self = .system(file: file, operation: error.operation, reason: error.reason)
  }
}
