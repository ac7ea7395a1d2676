/// Downloads that are resumed, checked and put in place whole.

import Foundation
import System

/// Fetches files to `NAME.part`, checks size and SHA-256, and renames them.
///
/// Proxies are those of the environment (`https_proxy`, `no_proxy`), as in curl.
public struct Downloader: Sendable {
  /// Attempts without a byte of progress before it gives up.
  public var attempts = 5
  /// Seconds before the second attempt; doubled for each further one.
  public var pause: TimeInterval = 1
  /// Seconds without data after which a connection counts as dead.
  public var timeout: TimeInterval = 60

  public init() {}

  /// Fetches `file` to `path`, which appears when it is complete and checked.
  ///
  /// - Parameters:
  ///   - url: where to get it, when not from its own place.
  ///   - progress: called with the bytes that have arrived.
  /// - Throws: `FetchError`. What has arrived stays for the next call, unless it is wrong.
  public func fetch(
    _ file: PublicDataset.RemoteFile, from url: URL? = nil, to path: String,
    progress: @escaping @Sendable (_ bytes: Int) -> Void = { _ in }
  ) throws {
    let url = url ?? file.url
    let part = "\(path).part"
    try transfer(url, part: part, bytes: file.bytes, progress: progress)
    let found = try Self.sha256(ofFile: part)
    guard found == file.sha256 else {
      Self.remove(part)
      throw FetchError.wrongDigest(
        url: url.absoluteString, expected: file.sha256, found: found)
    }
    guard let handle = FileHandle(forWritingAtPath: part) else { throw FetchError.current(part) }
    do {
      try handle.synchronize()
      try handle.close()
    } catch { throw FetchError.writing(part, error) }
    guard rename(part, path) == 0 else { throw FetchError.current(path) }
    Self.remove(part)
  }

  /// Repeats the transfer until all bytes are there; getting further than ever earns new attempts.
  private func transfer(
    _ url: URL, part: String, bytes: Int, progress: @escaping @Sendable (Int) -> Void
  ) throws {
    var failures = 0
    var furthest = Self.size(part)
    while true {
      do {
        try Transfer(url, part: part, limit: bytes, progress: progress).run(timeout: timeout)
        return
      } catch {
        switch error {
        case Transfer.Failure.final(let error): throw error
        case Transfer.Failure.transient(let reason):
          let now = Self.size(part)
          // A server that always starts again must not keep this going for ever.
          failures = now > furthest ? 1 : failures + 1
          furthest = max(furthest, now)
          guard failures < attempts else {
            throw FetchError.network(url: url.absoluteString, reason: reason, attempts: failures)
          }
          Thread.sleep(forTimeInterval: pause * Double(1 << (failures - 1)))
        }
      }
    }
  }

  /// Whether `path` already is the whole file, checked by size and digest.
  static func isWhole(_ file: PublicDataset.RemoteFile, at path: String) -> Bool {
    size(path) == file.bytes && (try? sha256(ofFile: path)) == file.sha256
  }

  private static func size(_ path: String) -> Int {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    return (attributes?[.size] as? Int) ?? 0
  }

  private static func remove(_ part: String) {
    try? FileManager.default.removeItem(atPath: part)
    try? FileManager.default.removeItem(atPath: "\(part).json")
  }

  private static func sha256(ofFile path: String) throws -> String {
    do throws(FileReadError) { return try SHA256.hexadecimal(ofFile: path) } catch {
      throw FetchError.file(path: path, reason: error.reason)
    }
  }
}
