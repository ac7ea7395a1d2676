/// Digests of image files notice each change of a folder, and say where it is.

import Datasets
import Foundation
import TestSupport
import Testing

@Suite struct ImageDigestsTests {
  /// `count` files of a byte each, which nobody decodes.
  private func files(_ count: Int, in folder: TemporaryDirectory) throws -> [ImageFile] {
    try (0..<count).map { index in
      let name = String(format: "%05d.jpg", index)
      try Data([UInt8(index % 251)]).write(to: URL(fileURLWithPath: folder.file(name)))
      return ImageFile(name: name, path: folder.file(name))
    }
  }

  private func digests(_ files: [ImageFile]) -> ImageDigests {
    ImageDigests(count: files.count) { files[$0] }
  }

  @Test("another byte in a file of the same size is found in that file")
  func replaced() throws {
    let folder = try TemporaryDirectory()
    let files = try files(100, in: folder)
    let before = digests(files)
    #expect(digests(files).firstDifference(from: before) == nil)
    try Data([255]).write(to: URL(fileURLWithPath: files[41].path))
    #expect(digests(files).firstDifference(from: before) == 41..<42)
  }

  @Test("files that are added, removed, renamed or longer are found at their place")
  func listed() throws {
    let folder = try TemporaryDirectory()
    let files = try files(100, in: folder)
    let before = digests(files)
    var changed = files
    changed.remove(at: 7)
    #expect(digests(changed).firstDifference(from: before) == 7..<8)
    changed.insert(files[3], at: 7)
    #expect(digests(changed).firstDifference(from: before) == 7..<8)
    changed = files
    changed[99] = ImageFile(name: "other.jpg", path: files[99].path)
    #expect(digests(changed).firstDifference(from: before) == 99..<100)
    #expect(digests(Array(files.dropLast())).firstDifference(from: before)?.isEmpty == true)
    try Data(count: 2).write(to: URL(fileURLWithPath: files[0].path))
    changed = files.map { ImageFile(name: $0.name, path: $0.path) }
    #expect(digests(changed).firstDifference(from: before) == 0..<1)
    #expect(digests(changed).bytes == before.bytes + 1)
  }

  @Test("of many files it is found among neighbours, and a whole set survives JSON")
  func many() throws {
    let folder = try TemporaryDirectory()
    let files = try files(3000, in: folder)
    let before = try JSONDecoder().decode(
      ImageDigests.self, from: JSONEncoder().encode(digests(files)))
    #expect(digests(files) == before)
    try Data([255]).write(to: URL(fileURLWithPath: files[2222].path))
    let difference = try #require(digests(files).firstDifference(from: before))
    #expect(difference.contains(2222) && difference.count == 4)
  }

  @Test("a file that cannot be read changes digests and ends nothing")
  func missing() throws {
    let folder = try TemporaryDirectory()
    let files = try files(10, in: folder)
    let before = digests(files)
    try FileManager.default.removeItem(atPath: files[5].path)
    #expect(digests(files).firstDifference(from: before) == 5..<6)
  }

  @Test("of very many files every third is looked at, and each name")
  func sampled() throws {
    let folder = try TemporaryDirectory()
    let files = try files(600, in: folder)
    func digests(_ limit: Int, renaming other: Int? = nil) -> ImageDigests {
      ImageDigests(
        files: files.indices.map {
          (name: $0 == other ? "other.jpg" : files[$0].name, path: files[$0].path)
        }, limit: limit)
    }
    #expect(digests(600) == self.digests(files))
    let before = digests(599)
    #expect(before.bytes == 200)
    try Data([255]).write(to: URL(fileURLWithPath: files[301].path))
    #expect(digests(599).firstDifference(from: before) == nil)
    #expect(digests(599, renaming: 302).firstDifference(from: before) == 302..<303)
    for replaced in [[255], [1, 2]] as [[UInt8]] {
      try Data(replaced).write(to: URL(fileURLWithPath: files[300].path))
      #expect(digests(599).firstDifference(from: before) == 300..<301)
    }
  }
}
