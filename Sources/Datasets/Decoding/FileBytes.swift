/// A file's bytes, all of them up to a limit, or some.

import System

/// Reads a regular file.
///
/// - Parameter limit: the most bytes it may hold.
/// - Throws: `DatasetError.unreadable`.
func fileBytes(at path: String, limit: Int = 1 << 30) throws(DatasetError) -> [UInt8] {
  let file = try open(path)
  guard file.count <= limit else {
    throw .unreadable(
      path: path, reason: "it holds \(file.count) bytes, more than the \(limit) that are allowed")
  }
  return try bytes(0..<file.count, of: file, path)
}

/// The length of a regular file in bytes.
///
/// - Throws: `DatasetError.unreadable`.
func fileSize(at path: String) throws(DatasetError) -> Int { try open(path).count }

/// Reads a part of a file.
///
/// - Throws: `DatasetError.unreadable`, also where the file ends before.
func fileBytes(at path: String, range: Range<Int>) throws(DatasetError) -> [UInt8] {
  try bytes(range, of: try open(path), path)
}

private func open(_ path: String) throws(DatasetError) -> ReadableFile {
  do throws(FileReadError) { return try ReadableFile(path) } catch {
    throw .unreadable(path: path, error)
  }
}

private func bytes(
  _ range: Range<Int>, of file: ReadableFile, _ path: String
) throws(DatasetError) -> [UInt8] {
  do throws(FileReadError) { return try file.bytes(range) } catch {
    throw .unreadable(path: path, error)
  }
}

extension DatasetError {
  private static func reason(_ error: FileReadError) -> String {
    switch error {
    case .refused(_, let error): error.description
    case .notRegular: "it is not a file"
    case .shrank: "it has become shorter"
    }
  }

  fileprivate static func unreadable(path: String, _ error: FileReadError) -> DatasetError {
    .unreadable(path: path, reason: reason(error))
  }
}
