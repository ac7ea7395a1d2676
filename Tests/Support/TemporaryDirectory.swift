/// A folder for one test's files.

import Foundation

/// A new, empty folder that is removed with everything in it when the last reference goes.
public final class TemporaryDirectory: Sendable {
  /// The folder's absolute path, without a slash at the end.
  public let path: String

  public init() throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "resnet-dist-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    path = folder.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of a file in the folder.
  public func file(_ name: String) -> String { path + "/" + name }
}
