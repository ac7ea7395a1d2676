/// Tests of `data fetch` against servers that break the rules, or keep them in unusual ways.

import Datasets
import Foundation
import System
import TestSupport
import Testing

@Suite(.serialized) struct TransferFaultTests {
  private static let content = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 5 &+ $0 >> 9) }

  private func dataset(_ name: String = "images.gz", _ bytes: [UInt8] = content) -> PublicDataset {
    let digest = SHA256.hexadecimal(of: bytes)
    let file = PublicDataset.RemoteFile(
      url: URL(string: "http://127.0.0.1:1/\(name)")!, bytes: bytes.count, sha256: digest)
    let contents = name.hasSuffix(".tar.gz") ? "inner.bin" : name
    return PublicDataset(
      name: "faults", defaultDirectory: "unused", files: [file], contents: [contents])
  }

  private func fetch(
    _ behaviour: LoopbackServer.Behaviour, into folder: TemporaryDirectory, attempts: Int = 3
  ) throws -> [LoopbackServer.Request] {
    let server = LoopbackServer(behaviour)
    var fetcher = DatasetFetcher()
    fetcher.downloader.pause = 0.01
    fetcher.downloader.timeout = 10
    fetcher.downloader.attempts = attempts
    _ = try fetcher.fetch(dataset(), into: folder.path, mirror: server.url)
    return server.requests
  }

  @Test("a server that always starts again and cuts is given up, however far it gets")
  func endless() throws {
    let folder = try TemporaryDirectory()
    let cuts = (0..<200).map { $0.isMultiple(of: 2) ? 1000 : 200_000 }
    let error = #expect(throws: FetchError.self) {
      try fetch(.init(content: Self.content, honoursRange: false, cuts: cuts), into: folder)
    }
    #expect("\(error!)".contains("after 3 attempts"))
  }

  @Test("a part that comes without the file's name is gone on from")
  func unnamedParts() throws {
    let folder = try TemporaryDirectory()
    let requests = try fetch(
      .init(content: Self.content, namesParts: false, cuts: [90_000, 90_000, 90_000]), into: folder)
    #expect(requests.map(\.bodyBytes) == [90_000, 90_000, 90_000, 30_000])
  }

  @Test("with a weak ETag the date says which version it is")
  func weakTag() throws {
    let folder = try TemporaryDirectory()
    let requests = try fetch(
      .init(
        content: Self.content, etag: "W/\"1\"", lastModified: "Wed, 21 Oct 2015 07:28:00 GMT",
        cuts: [100_000]), into: folder)
    #expect(requests.map(\.bodyBytes) == [100_000, 200_000])
  }

  @Test("another part than was asked for is not put in its place")
  func shiftedPart() throws {
    let folder = try TemporaryDirectory()
    let requests = try fetch(
      .init(content: Self.content, shift: 7, cuts: [100_000]), into: folder)
    #expect(requests.last?.range == nil)
    #expect(FileManager.default.contents(atPath: folder.file("images.gz")) == Data(Self.content))
  }

  @Test("a server that falls silent is given up after the time limit")
  func silence() throws {
    let folder = try TemporaryDirectory()
    let server = LoopbackServer(.init(content: Self.content, silenceAfter: 50_000))
    var fetcher = DatasetFetcher()
    fetcher.downloader.timeout = 1
    fetcher.downloader.attempts = 1
    let error = #expect(throws: FetchError.self) {
      try fetcher.fetch(dataset(), into: folder.path, mirror: server.url)
    }
    #expect("\(error!)".contains("no data for 1 s"))
  }

  @Test("a page of another length is refused at once and spares what has arrived")
  func loginPage() throws {
    let folder = try TemporaryDirectory()
    #expect(throws: FetchError.self) {
      try fetch(.init(content: Self.content, cuts: [120_000]), into: folder, attempts: 1)
    }
    let page = Array("<html>log in</html>".utf8)
    let error = #expect(throws: FetchError.self) {
      try fetch(.init(content: page, etag: nil), into: folder)
    }
    #expect("\(error!)".contains("has \(page.count) bytes instead of 300000"))
    let requests = try fetch(.init(content: Self.content), into: folder)
    #expect(requests.map(\.range) == ["bytes=120000-"])
  }

  @Test("an archive that is already there is unpacked without a server")
  func broughtArchive() throws {
    let folder = try TemporaryDirectory()
    try Data([1, 2, 3]).write(to: URL(filePath: folder.file("inner.bin")))
    let made = folder.file("data/made.tar.gz")
    try FileManager.default.createDirectory(
      atPath: folder.file("data"), withIntermediateDirectories: true)
    let outcome = try ProcessRunner.run("tar", ["czf", made, "-C", folder.path, "inner.bin"])
    try #require(outcome.exitCode == 0)
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: made)))
    var fetcher = DatasetFetcher()
    fetcher.downloader.attempts = 1
    _ = try fetcher.fetch(
      dataset("made.tar.gz", bytes), into: folder.file("data"),
      mirror: URL(string: "http://127.0.0.1:1/")!)
    let unpacked = FileManager.default.contents(atPath: folder.file("data/inner.bin"))
    #expect(unpacked == Data([1, 2, 3]))
  }
}
