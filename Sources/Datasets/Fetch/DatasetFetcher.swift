/// Fetching a whole data set: download, check, unpack, put in place.

import Foundation

public struct DatasetFetcher: Sendable {
  /// What a fetch came to.
  public enum Outcome: Equatable, Sendable {
    case fetched(directory: String)
    case alreadyThere(directory: String)
  }

  public var downloader = Downloader()
  /// Bytes that an archive may unpack to, as a multiple of its own size.
  private static let expansionLimit = 20

  public init() {}

  /// Brings `dataset` into `directory`. Safe to repeat: what is there is left alone, what has arrived
  /// in part is resumed.
  ///
  /// - Parameters:
  ///   - directory: nil is where training looks for it.
  ///   - mirror: a folder on another server that has files of the same names.
  ///   - progress: called with the file's name, the bytes that have arrived and its size.
  /// - Throws: `FetchError`.
  public func fetch(
    _ dataset: PublicDataset, into directory: String? = nil, mirror: URL? = nil,
    progress: @escaping @Sendable (_ file: String, _ bytes: Int, _ total: Int) -> Void = {
      _, _, _ in
    }
  ) throws -> Outcome {
    let directory = directory ?? dataset.defaultDirectory
    if Self.isComplete(dataset, in: directory) { return .alreadyThere(directory: directory) }
    do {
      try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: true)
    } catch { throw FetchError.writing(directory, error) }
    let lock = try Self.lock(directory)
    defer {
      unlink("\(directory)/.fetch-lock")
      close(lock)
    }
    // Another process may have finished between the first look and the lock.
    if Self.isComplete(dataset, in: directory) { return .alreadyThere(directory: directory) }
    for file in dataset.files {
      let path = "\(directory)/\(file.name)"
      if !file.isArchive, FileManager.default.fileExists(atPath: path) { continue }
      // An archive is there if someone brought it, or if unpacking it failed.
      if !file.isArchive || !Downloader.isWhole(file, at: path) {
        try downloader.fetch(
          file, from: mirror.map { $0.appendingPathComponent(file.name) }, to: path
        ) { progress(file.name, $0, file.bytes) }
      }
      if file.isArchive { try Self.unpack(path, bytes: file.bytes, in: directory) }
    }
    return .fetched(directory: directory)
  }

  private static func isComplete(_ dataset: PublicDataset, in directory: String) -> Bool {
    dataset.contents.allSatisfy { FileManager.default.fileExists(atPath: "\(directory)/\($0)") }
  }

  /// Unpacks beside the target and moves the archive's top-level entries into place by renames.
  private static func unpack(_ path: String, bytes: Int, in directory: String) throws {
    // One name for all: the lock keeps others away, and what a killed process left is cleared here.
    let temporary = "\(directory)/.unpacking"
    try? FileManager.default.removeItem(atPath: temporary)
    defer { try? FileManager.default.removeItem(atPath: temporary) }
    do {
      try FileManager.default.createDirectory(
        atPath: temporary, withIntermediateDirectories: true)
    } catch { throw FetchError.writing(temporary, error) }
    try ArchiveUnpacker.unpack(path, into: temporary, limit: bytes * expansionLimit)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: temporary)) ?? []
    for name in names {
      let target = "\(directory)/\(name)"
      // What an interrupted unpacking left is replaced by the whole.
      try? FileManager.default.removeItem(atPath: target)
      guard rename("\(temporary)/\(name)", target) == 0 else { throw FetchError.current(target) }
    }
    // The archive is removed only when its contents are sure to outlast a power cut.
    let descriptor = open(directory, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FetchError.current(directory) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw FetchError.current(directory) }
    unlink(path)
  }

  /// Holds the folder for this process until the descriptor is closed.
  private static func lock(_ directory: String) throws -> Int32 {
    let path = "\(directory)/.fetch-lock"
    while true {
      let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
      guard descriptor >= 0 else { throw FetchError.current(path) }
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
        close(descriptor)
        throw FetchError.inUse(folder: directory)
      }
      // A holder that finished between the two calls has removed the file: that lock is nobody's.
      var status = stat()
      if fstat(descriptor, &status) == 0, status.st_nlink > 0 { return descriptor }
      close(descriptor)
    }
  }
}
