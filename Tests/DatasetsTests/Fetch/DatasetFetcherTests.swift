/// Tests of `data fetch` against a loopback server.

import Datasets
import Foundation
import System
import TestSupport
import Testing

@Suite(.serialized) struct DatasetFetcherTests {
  private static let content = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }

  private static func sha256(_ bytes: [UInt8]) -> String {
    SHA256.hexadecimal(of: bytes)
  }

  /// A data set of one plain file.
  private func plain(_ bytes: [UInt8] = content) -> PublicDataset {
    PublicDataset(
      name: "plain", defaultDirectory: "unused",
      files: [
        .init(
          url: URL(string: "http://127.0.0.1:1/images.gz")!, bytes: bytes.count,
          sha256: Self.sha256(bytes))
      ], contents: ["images.gz"])
  }

  private var fetcher: DatasetFetcher {
    var fetcher = DatasetFetcher()
    fetcher.downloader.pause = 0.01
    fetcher.downloader.timeout = 10
    return fetcher
  }

  private func names(_ directory: String) -> Set<String> {
    Set((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [])
  }

  @Test("a file arrives whole, and a second fetch asks for nothing")
  func fetches() throws {
    let server = LoopbackServer(.init(content: Self.content))
    let folder = try TemporaryDirectory()
    let outcome = try fetcher.fetch(plain(), into: folder.path, mirror: server.url)
    #expect(outcome == .fetched(directory: folder.path))
    #expect(FileManager.default.contents(atPath: folder.file("images.gz")) == Data(Self.content))
    #expect(names(folder.path) == ["images.gz"])
    #expect(server.requests.map(\.path) == ["/files/images.gz"])
    let again = try fetcher.fetch(plain(), into: folder.path, mirror: server.url)
    #expect(again == .alreadyThere(directory: folder.path))
    #expect(server.requests.count == 1)
  }

  @Test("cut connections are gone on from where they stopped")
  func resumes() throws {
    let server = LoopbackServer(.init(content: Self.content, cuts: [100_000, 50_000]))
    let folder = try TemporaryDirectory()
    _ = try fetcher.fetch(plain(), into: folder.path, mirror: server.url)
    #expect(FileManager.default.contents(atPath: folder.file("images.gz")) == Data(Self.content))
    #expect(server.requests.count == 3)
    #expect(server.requests.dropFirst().allSatisfy { $0.range != nil })
    #expect(server.requests.map(\.bodyBytes).reduce(0, +) == Self.content.count)
  }

  @Test("a later run goes on with what an earlier one left")
  func resumesLater() throws {
    let server = LoopbackServer(
      .init(content: Self.content, statuses: [], cuts: [120_000]))
    let folder = try TemporaryDirectory()
    var once = fetcher
    once.downloader.attempts = 1
    #expect(throws: FetchError.self) {
      try once.fetch(plain(), into: folder.path, mirror: server.url)
    }
    #expect(!names(folder.path).contains("images.gz"))
    _ = try once.fetch(plain(), into: folder.path, mirror: server.url)
    #expect(FileManager.default.contents(atPath: folder.file("images.gz")) == Data(Self.content))
    #expect(server.requests.last?.range == "bytes=120000-")
    #expect(names(folder.path) == ["images.gz"])
  }

  @Test("a file that changed on the server, or a server without ranges, starts again")
  func restarts() throws {
    for honoursRange in [true, false] {
      let old = [UInt8](repeating: 1, count: Self.content.count)
      let server = LoopbackServer(
        .init(content: old, honoursRange: honoursRange, cuts: [120_000]))
      let folder = try TemporaryDirectory()
      var once = fetcher
      once.downloader.attempts = 1
      #expect(throws: FetchError.self) {
        try once.fetch(plain(), into: folder.path, mirror: server.url)
      }
      server.change {
        $0.content = Self.content
        $0.etag = "\"version-2\""
      }
      _ = try once.fetch(plain(), into: folder.path, mirror: server.url)
      #expect(FileManager.default.contents(atPath: folder.file("images.gz")) == Data(Self.content))
    }
  }

  @Test("a wrong checksum is an error that names both, and leaves nothing behind")
  func wrongDigest() throws {
    var other = Self.content
    other[5] ^= 1
    let server = LoopbackServer(.init(content: other))
    let folder = try TemporaryDirectory()
    #expect(
      throws: FetchError.wrongDigest(
        url: "\(server.url)images.gz", expected: Self.sha256(Self.content),
        found: Self.sha256(other))
    ) { try fetcher.fetch(plain(), into: folder.path, mirror: server.url) }
    #expect(names(folder.path).isEmpty)
  }

  @Test("a longer file is refused before it fills the disk")
  func tooLong() throws {
    let server = LoopbackServer(.init(content: Self.content + Self.content))
    let folder = try TemporaryDirectory()
    #expect(throws: FetchError.self) {
      try fetcher.fetch(plain(), into: folder.path, mirror: server.url)
    }
    #expect(names(folder.path).isEmpty)
  }

  @Test("a passing overload is waited for, a missing file is not")
  func statuses() throws {
    let folder = try TemporaryDirectory()
    let busy = LoopbackServer(.init(content: Self.content, statuses: [503, 429]))
    _ = try fetcher.fetch(plain(), into: folder.path, mirror: busy.url)
    #expect(busy.requests.count == 3)
    let gone = LoopbackServer(.init(content: Self.content, statuses: [404]))
    #expect(throws: FetchError.http(url: "\(gone.url)images.gz", status: 404)) {
      try fetcher.fetch(plain(), into: folder.file("other"), mirror: gone.url)
    }
    #expect(gone.requests.count == 1)
  }

  @Test("a folder that another process is fetching into is left alone")
  func locked() throws {
    let server = LoopbackServer(.init(content: Self.content))
    let folder = try TemporaryDirectory()
    let other = open(folder.file(".fetch-lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    try #require(flock(other, LOCK_EX | LOCK_NB) == 0)
    #expect(throws: FetchError.inUse(folder: folder.path)) {
      try fetcher.fetch(plain(), into: folder.path, mirror: server.url)
    }
    #expect(server.requests.isEmpty)
    close(other)
    _ = try fetcher.fetch(plain(), into: folder.path, mirror: server.url)
    #expect(names(folder.path) == ["images.gz"])
  }

  @Test("of fetches at the same time one downloads, and none breaks the file")
  func concurrent() async throws {
    let server = LoopbackServer(.init(content: Self.content))
    let folder = try TemporaryDirectory()
    let (fetcher, dataset, path, url) = (fetcher, plain(), folder.path, server.url)
    let failures = await withTaskGroup(of: FetchError?.self) { group in
      for _ in 0..<8 {
        group.addTask {
          do {
            _ = try fetcher.fetch(dataset, into: path, mirror: url)
            return nil
          } catch { return error as? FetchError }
        }
      }
      return await group.reduce(into: []) { $0.append($1) }.compactMap { $0 }
    }
    #expect(failures.allSatisfy { $0 == .inUse(folder: path) })
    #expect(failures.count < 8)
    #expect(server.requests.count == 1)
    #expect(FileManager.default.contents(atPath: folder.file("images.gz")) == Data(Self.content))
    #expect(names(path) == ["images.gz"])
  }

  // MARK: Archives

  private func archive(_ folder: TemporaryDirectory, _ arguments: [String]) throws -> [UInt8] {
    let path = folder.file("made.tar.gz")
    let outcome = try ProcessRunner.run(
      "/usr/bin/tar", ["czf", path, "-P", "-C", folder.path] + arguments)
    #expect(outcome.exitCode == 0)
    return Array(FileManager.default.contents(atPath: path) ?? Data())
  }

  private func packed(_ bytes: [UInt8], contents: [String]) -> PublicDataset {
    PublicDataset(
      name: "packed", defaultDirectory: "unused",
      files: [
        .init(
          url: URL(string: "http://127.0.0.1:1/made.tar.gz")!, bytes: bytes.count,
          sha256: Self.sha256(bytes))
      ], contents: contents)
  }

  @Test("an archive is unpacked, and only its contents stay")
  func unpacks() throws {
    let source = try TemporaryDirectory()
    try FileManager.default.createDirectory(
      atPath: source.file("inner"), withIntermediateDirectories: true)
    try Data([1, 2, 3]).write(to: URL(fileURLWithPath: source.file("inner/a.bin")))
    let bytes = try archive(source, ["inner"])
    let server = LoopbackServer(.init(content: bytes))
    let folder = try TemporaryDirectory()
    let dataset = packed(bytes, contents: ["inner/a.bin"])
    // What a killed process left is cleared away.
    try FileManager.default.createDirectory(
      atPath: folder.file(".unpacking/inner"), withIntermediateDirectories: true)
    try Data([9]).write(to: URL(fileURLWithPath: folder.file(".unpacking/inner/stale.bin")))
    _ = try fetcher.fetch(dataset, into: folder.path, mirror: server.url)
    #expect(FileManager.default.contents(atPath: folder.file("inner/a.bin")) == Data([1, 2, 3]))
    #expect(names(folder.path) == ["inner"])
    #expect(names(folder.file("inner")) == ["a.bin"])
    let again = try fetcher.fetch(dataset, into: folder.path, mirror: server.url)
    #expect(again == .alreadyThere(directory: folder.path))
  }

  @Test(
    "archives with links, paths out of the folder or a missing end are refused and leave nothing")
  func hostileArchives() throws {
    let source = try TemporaryDirectory()
    try FileManager.default.createDirectory(
      atPath: source.file("inner"), withIntermediateDirectories: true)
    let noise = (0..<200_000).map { _ in UInt8.random(in: 0...255) }
    try Data(noise).write(to: URL(fileURLWithPath: source.file("a.bin")))
    symlink("/etc/passwd", source.file("link"))
    let whole = try archive(source, ["a.bin"])
    let hostile = [
      try archive(source, ["link"]),
      try archive(source, ["--transform=s,a.bin,../evil.bin,", "a.bin"]),
      try archive(source, ["--transform=s,a.bin,/tmp/evil.bin,", "a.bin"]),
      Array(whole[..<(whole.count / 2)]),
      Array("this is no archive".utf8),
    ]
    for bytes in hostile {
      let server = LoopbackServer(.init(content: bytes))
      let folder = try TemporaryDirectory()
      let error = #expect(throws: FetchError.self) {
        try fetcher.fetch(
          packed(bytes, contents: ["a.bin"]), into: folder.file("data"), mirror: server.url)
      }
      guard case .archive = error else {
        Issue.record("expected an archive error, got \(String(describing: error))")
        continue
      }
      // The checked archive may stay, to be looked at; nothing unpacked may.
      #expect(names(folder.file("data")).isSubset(of: ["made.tar.gz"]))
      #expect(names(folder.path) == ["data"])
    }
  }

  @Test("the public data sets' files are named as training looks for them")
  func table() {
    for dataset in PublicDataset.all {
      for file in dataset.files {
        #expect(file.url.scheme == "https")
        #expect(file.sha256.count == 64 && file.bytes > 0)
      }
      #expect(dataset.defaultDirectory == "data/\(dataset.name)")
    }
  }
}
