/// Tar shards written by tar: samples, labels, patterns, the order, and archives that are not whole.

import Datasets
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct TarShardsTests {
  /// Packs files below a folder into a tar file, in this order.
  private func pack(_ folder: TemporaryDirectory, _ name: String, _ files: [(String, [UInt8])])
    throws
  {
    let stage = folder.file("stage/" + name.replacing(".tar", with: ""))
    for (path, bytes) in files { try write(bytes, to: stage + "/" + path) }
    let made = try ProcessRunner.run(
      "/usr/bin/tar", ["-cf", folder.file(name), "-C", stage] + files.map(\.0))
    try #require(made.exitCode == 0, "\(made.standardError)")
  }

  private func numbered(_ key: String, _ label: Int, _ image: String) throws -> [(String, [UInt8])]
  {
    let kind = image.split(separator: ".").last!
    return [
      ("\(key).\(kind)", try Fixture.bytes(image)), ("\(key).cls", Array("\(label)\n".utf8)),
      ("\(key).json", Array("{}".utf8)),
    ]
  }

  @Test("WebDataset's samples: an image and the .cls of the same key, in the archives' order")
  func numbered() throws {
    let folder = try TemporaryDirectory()
    // A path of more than 100 bytes takes extra header blocks.
    let long = String(repeating: "long/", count: 30) + "c"
    try pack(
      folder, "train-0.tar",
      numbered("a", 3, "colour.jpg") + numbered("b.x", 0, "grey.png")
        + numbered(long, 1, "alpha.png"))
    try pack(folder, "train-1.tar", numbered("a", 2, "progressive.jpg"))
    let source = try TarShards(folder.file("train-{0..1}.tar"), split: .train)
    #expect(source.count == 4 && source.classNames == ["0", "1", "2", "3"])
    #expect((0..<4).map { source.label(at: $0) } == [3, 0, 1, 2])
    #expect(source.storageRuns == [0..<3, 3..<4] && source.imageShape == nil)
    for (index, name) in ["colour.jpg", "grey.png", "alpha.png", "progressive.jpg"].enumerated() {
      #expect(try pixels(source, index) == Fixture.pixels(of: name))
    }
    #expect(source.imageName(at: 3) == folder.file("train-1.tar") + "/a.jpg")
    for pattern in ["train-*.tar", "train-[01].tar", "{train-0,train-1}.tar"] {
      let same = try TarShards(folder.file(pattern), split: .train)
      #expect(same.fingerprint == source.fingerprint, "\(pattern)")
    }
    let one = try TarShards(folder.file("train-1.tar"), split: .test, classNames: source.classNames)
    #expect(one.classCount == 4 && one.fingerprint != source.fingerprint)
  }

  @Test("class folders: the folder that an image is in is its class")
  func folders() throws {
    let folder = try TemporaryDirectory()
    try pack(
      folder, "images.tar",
      [
        ("set/b/1.jpg", try Fixture.bytes("colour.jpg")),
        ("set/a/x.y.PNG", try Fixture.bytes("grey.png")),
        ("set/b/2.png", try Fixture.bytes("colour.png")), ("set/readme.txt", [1]),
      ])
    let source = try TarShards(folder.path, split: .train)
    #expect(source.classNames == ["a", "b"] && (0..<3).map { source.label(at: $0) } == [1, 0, 1])
    #expect(try pixels(source, 2) == Fixture.pixels(of: "colour.png"))
    #expect(throws: DatasetError.unknownClass(name: "b", path: folder.file("images.tar"))) {
      try TarShards(folder.path, split: .test, classNames: ["a", "c"])
    }
  }

  @Test("a folder's files are divided by its subfolders or by their names")
  func splits() throws {
    let folder = try TemporaryDirectory()
    for (name, label) in [("x-train-0.tar", 0), ("x-val-0.tar", 1)] {
      try pack(folder, name, numbered("a", label, "grey.png"))
    }
    #expect(try TarShards(folder.path, split: .train).label(at: 0) == 0)
    #expect(try TarShards(folder.path, split: .test).label(at: 0) == 1)
    let manager = FileManager.default
    for (name, target) in [("x-train-0.tar", "train"), ("x-val-0.tar", "test")] {
      try manager.createDirectory(
        atPath: folder.file("sub/" + target), withIntermediateDirectories: true)
      try manager.moveItem(atPath: folder.file(name), toPath: folder.file("sub/\(target)/0.tar"))
    }
    #expect(try TarShards(folder.file("sub"), split: .train).label(at: 0) == 0)
    #expect(try TarShards(folder.file("sub"), split: .test).label(at: 0) == 1)
  }

  @Test("an archive that is cut short anywhere is refused with its name")
  func truncated() throws {
    let folder = try TemporaryDirectory()
    try pack(folder, "a.tar", numbered("a", 0, "colour.jpg") + numbered("b", 1, "grey.png"))
    let whole = try [UInt8](Data(contentsOf: URL(filePath: folder.file("a.tar"))))
    let end = whole.lastIndex { $0 != 0 }!
    for length in stride(from: 1, to: end, by: 173) {
      try write(Array(whole[..<length]), to: folder.file("cut.tar"))
      let error = #expect(throws: DatasetError.self, "\(length) bytes") {
        try TarShards(folder.file("cut.tar"), split: .train)
      }
      #expect("\(error!)".contains("cut.tar"))
    }
  }

  @Test("what is missing or wrong is named")
  func refused() throws {
    let folder = try TemporaryDirectory()
    func refuses(_ pattern: String, _ text: String) {
      let error = #expect(throws: DatasetError.self, "\(pattern)") {
        try TarShards(folder.file(pattern), split: .train)
      }
      #expect("\(error!)".contains(text), "\(error!)")
    }
    refuses("none-*.tar", "no tar file in")
    refuses("none-{0..1}.tar", "none-0.tar")
    try pack(
      folder, "unlabelled.tar",
      numbered("a", 0, "grey.png") + [("b.png", try Fixture.bytes("grey.png"))])
    refuses("unlabelled.tar", "no class for its image 'b.png'")
    try pack(folder, "bare.tar", [("b.png", try Fixture.bytes("grey.png"))])
    refuses("bare.tar", "no class for its image 'b.png'")
    try pack(
      folder, "word.tar", [("b.png", try Fixture.bytes("grey.png")), ("b.cls", Array("cat".utf8))])
    refuses("word.tar", "'cat'")
    try pack(folder, "empty.tar", [("b.txt", [1])])
    refuses("empty.tar", "no JPEG or PNG image")
    try write(Array("not a tar file, but long enough".utf8), to: folder.file("text.tar"))
    refuses("text.tar", "no uncompressed tar archive")
    let zipped = try ProcessRunner.run(
      "/usr/bin/tar", ["-czf", folder.file("zipped.tar"), "-C", folder.path, "bare.tar"])
    #expect(zipped.exitCode == 0)
    refuses("zipped.tar", "no uncompressed tar archive")
  }
}
