/// Image folders: order, splits, errors, the memory of decoded images, and CIFAR-10 as JPEG files.

import Datasets
import Foundation
import Synchronization
import Tensors
import TestSupport
import Testing

@Suite struct ImageFolderTests {
  @Test("classes and files come in torchvision's order; links are followed, hidden files are not")
  func order() throws {
    let folder = try TemporaryDirectory()
    let (jpeg, png) = (try Fixture.bytes("colour.jpg"), try Fixture.bytes("colour.png"))
    for path in ["b/z.jpg", "b/B.JPEG", "b/sub/a.png", "b/.hidden.png", "Z/x.Jpg", ".git/a.png"] {
      try write(path.hasSuffix("png") ? png : jpeg, to: folder.file(path))
    }
    try write([1], to: folder.file("b/notes.txt"))
    try write([1], to: folder.file("README"))
    let manager = FileManager.default
    try manager.createSymbolicLink(
      atPath: folder.file("c"), withDestinationPath: folder.file("b/sub"))
    // A link back up would otherwise be followed for ever.
    try manager.createSymbolicLink(atPath: folder.file("b/loop"), withDestinationPath: "../b")

    let source = try ImageFolder(directory: folder.path, split: .train)
    #expect(source.classNames == ["Z", "b", "c"])
    #expect(source.imageShape == Fixture.shape)
    #expect((0..<source.count).map { source.label(at: $0) } == [0, 1, 1, 1, 2])
    let (ofJPEG, ofPNG) = (
      try Fixture.pixels(of: "colour.jpg"), try Fixture.pixels(of: "colour.png")
    )
    for _ in 0..<2 {
      for (index, expected) in [ofJPEG, ofJPEG, ofJPEG, ofPNG, ofPNG].enumerated() {
        #expect(try pixels(source, index) == expected)
      }
    }
    let test = try ImageFolder(directory: folder.path, split: .test)
    #expect(test.count == source.count && test.fingerprint == source.fingerprint)
    try write(jpeg, to: folder.file("b/sub/a.png"))
    let changed = try ImageFolder(directory: folder.path, split: .train)
    #expect(changed.fingerprint != source.fingerprint)
  }

  @Test("a name that is not UTF-8 is refused, not left out", arguments: ["class", "image"])
  func undecodableName(kind: String) throws {
    let folder = try TemporaryDirectory()
    let jpeg = try Fixture.bytes("colour.jpg")
    for path in ["a/1.jpg", "b/1.jpg"] { try write(jpeg, to: folder.file(path)) }
    // Hidden names are left out, whatever they are.
    let hidden = Array("\(folder.path)/.caf".utf8) + [0xE9]
    #expect(mkdir(hidden.map { CChar(bitPattern: $0) } + [0], 0o777) == 0)
    #expect(try ImageFolder(directory: folder.path, split: .train).classNames == ["a", "b"])
    // In Latin-1.
    let parent = kind == "class" ? folder.path : folder.file("b")
    let name = Array("\(parent)/caf".utf8) + [0xE9]
    let made =
      kind == "class"
      ? mkdir(name.map { CChar(bitPattern: $0) } + [0], 0o777)
      : creat((name + Array(".jpg".utf8)).map { CChar(bitPattern: $0) } + [0], 0o666)
    #expect(made >= 0)
    let expected = DatasetError.undecodableName(
      folder: parent, name: kind == "class" ? "caf\\xe9" : "caf\\xe9.jpg")
    #expect(throws: expected) {
      try ImageFolder(directory: folder.path, split: .train)
    }
    #expect("\(expected)".contains("caf\\xe9"))
  }

  @Test(
    "train/ with the folder of its tests are the splits, whatever their case",
    arguments: [
      ("train", "test"), ("train", "val"), ("train", "validation"), ("train", "valid"),
      ("Train", "Val"), ("TRAIN", "Test"), ("training", "validation"), ("Training", "test"),
    ])
  func splits(train: String, test: String) throws {
    let folder = try TemporaryDirectory()
    let image = try Fixture.bytes("grey.png")
    for path in ["\(train)/a/1.png", "\(train)/a/2.png", "\(test)/a/1.png"] {
      try write(image, to: folder.file(path))
    }
    #expect(try ImageFolder(directory: folder.path, split: .train).count == 2)
    #expect(try ImageFolder(directory: folder.path, split: .test).count == 1)
  }

  @Test("train/ alone has no test images, unless it is a class")
  func trainAlone() throws {
    let folder = try TemporaryDirectory()
    let image = try Fixture.bytes("grey.png")
    for path in ["train/a/1.png", "train/b/2.png"] { try write(image, to: folder.file(path)) }
    #expect(try ImageFolder(directory: folder.path, split: .train).classNames == ["a", "b"])
    let error = #expect(throws: DatasetError.self) {
      try ImageFolder(directory: folder.path, split: .test)
    }
    #expect("\(error!)".contains("no test images in \(folder.file("test")) or"), "\(error!)")
    #expect("\(error!)".contains("--val-data"))

    let vehicles = try TemporaryDirectory()
    for path in ["train/1.png", "car/2.png"] { try write(image, to: vehicles.file(path)) }
    #expect(
      try ImageFolder(directory: vehicles.path, split: .test).classNames == ["car", "train"])
  }

  @Test("a folder above the splits is refused with the one to give, and splits are no classes")
  func misplacedSplits() throws {
    let folder = try TemporaryDirectory()
    let image = try Fixture.bytes("grey.png")
    func refuses(_ directory: String, _ error: DatasetError) {
      for split in [DatasetSplit.train, .test] {
        #expect(throws: error) {
          try ImageFolder(directory: folder.file(directory), split: split)
        }
      }
    }
    for path in [
      "high/data/Train/a/1.png", "high/data/Val/a/1.png", "alone/val/1.png", "alone/test/2.png",
    ] {
      try write(image, to: folder.file(path))
    }
    refuses("high", .splitsBelow(path: folder.file("high/data"), folder: "Train"))
    refuses("alone", .splitsAsClasses(path: folder.file("alone"), folders: ["test", "val"]))
    // Called as a split itself, the folder above is taken for that.
    for path in ["train/train/a/1.png", "train/val/a/1.png"] {
      try write(image, to: folder.file("as-split/" + path))
    }
    let error = DatasetError.splitsBelow(path: folder.file("as-split/train"), folder: "train")
    #expect(throws: error) { try ImageFolder(directory: folder.file("as-split"), split: .train) }
    #expect(
      "\(error)".hasSuffix(
        "as-split/train holds train/: give --data-dir \(folder.file("as-split/train"))"))
  }

  @Test("folders without images are refused, and say what to do")
  func empty() throws {
    let folder = try TemporaryDirectory()
    func refuses(_ directory: String, _ error: DatasetError) {
      #expect(throws: error) { try ImageFolder(directory: directory, split: .train) }
    }
    refuses(folder.path, .noClasses(path: folder.path))
    try write(Fixture.bytes("grey.png"), to: folder.file("a/1.png"))
    try write([1], to: folder.file("b/1.txt"))
    refuses(folder.path, .emptyClass(path: folder.file("b")))
    #expect(throws: DatasetError.noFolder(path: folder.file("none"))) {
      try ImageFolder(directory: folder.file("none"), split: .train)
    }
  }

  @Test("a wrong file is named when it is read; the others still can be")
  func wrongFiles() throws {
    let folder = try TemporaryDirectory()
    let image = try Fixture.bytes("colour.jpg")
    try write(image, to: folder.file("a/0.jpg"))
    try write(image.dropLast(200), to: folder.file("a/1.jpg"))
    try write(Array("not an image".utf8), to: folder.file("a/2.jpg"))
    try write(square(), to: folder.file("a/3.png"))
    let source = try ImageFolder(directory: folder.path, split: .train)
    #expect(source.count == 4)
    for _ in 0..<2 {
      #expect(try pixels(source, 0) == Fixture.pixels(of: "colour.jpg"))
      for (index, reason) in [
        (1, "cannot decode \(folder.file("a/1.jpg")): "),
        (2, "\(folder.file("a/2.jpg")): it is neither a JPEG nor a PNG image"),
      ] {
        let error = #expect(throws: DatasetError.self) { try pixels(source, index) }
        #expect("\(error!)".contains(reason))
      }
    }
    #expect(source.imageShape == nil)
    #expect(try pixels(source, 3).count == 3)
    for name in ["a/0.jpg", "a/1.jpg", "a/3.png"] {
      try write(Array("no".utf8), to: folder.file(name))
    }
    let error = #expect(throws: DatasetError.self) {
      try ImageFolder(directory: folder.path, split: .train)
    }
    #expect("\(error!)".contains("a/0.jpg"))
  }

  @Test("images of the one size are taken as they are; one of another size is named when it is due")
  func otherSize() throws {
    let folder = try TemporaryDirectory()
    // Of 65 images 64 are looked at when the folder is opened, and not the last.
    for number in 0..<65 {
      let name = "a/\(number < 10 ? "0" : "")\(number).png"
      try write(number == 64 ? square() : Fixture.bytes("grey.png"), to: folder.file(name))
    }
    let source = try ImageFolder(directory: folder.path, split: .train)
    #expect(source.imageShape == Fixture.shape)
    func load(_ transform: ImageTransform) throws -> Int? {
      try BatchLoader(
        source: source,
        normalization: Normalization(mean: .perChannel([0, 0, 0]), deviation: [1, 1, 1]),
        transform: transform, order: .sequential, batchSize: 65, localRange: 0..<65, steps: 0..<1
      ).withNext(\.count)
    }
    let error = #expect(throws: DatasetError.self) { try load(.none) }
    #expect("\(error!)".contains("a/64.png is 1×1 pixels, the others are 24×40: give --image-size"))
    #expect(try load(.test(resize: 8, size: 8)) == 65)
  }

  @Test("images that fit the limit are decoded once, others each time")
  func cache() throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("a/0.jpg")
    try write(Fixture.bytes("colour.jpg"), to: path)
    let limit = Fixture.shape.count
    let keeping = try ImageFolder(directory: folder.path, split: .train, cacheLimit: limit)
    let forgetting = try ImageFolder(directory: folder.path, split: .train, cacheLimit: limit - 1)
    let expected = try Fixture.pixels(of: "colour.jpg")
    #expect(try pixels(keeping, 0) == expected && pixels(forgetting, 0) == expected)
    try FileManager.default.removeItem(atPath: path)
    #expect(try pixels(keeping, 0) == expected)
    #expect(throws: DatasetError.self) { try pixels(forgetting, 0) }
  }

  @Test("threads reading the same images all get them whole")
  func threads() async throws {
    let folder = try TemporaryDirectory()
    let names = ["colour.jpg", "progressive.jpg", "grey.png", "alpha.png"]
    for (position, name) in names.enumerated() {
      try write(Fixture.bytes(name), to: folder.file("a/\(position)-\(name)"))
    }
    let expected = try names.map { try Fixture.pixels(of: $0) }
    for _ in 0..<50 {
      let source = try ImageFolder(directory: folder.path, split: .train)
      let wrong = Atomic(0)
      DispatchQueue.concurrentPerform(iterations: 64) { index in
        if (try? pixels(source, index % 4)) != expected[index % 4] {
          wrong.add(1, ordering: .relaxed)
        }
      }
      #expect(wrong.load(ordering: .relaxed) == 0)
    }
  }

  /// The archive lies in `shared/data` beside the repository; a checkout without it skips this.
  private static let archive: String = {
    var folder = URL(filePath: #filePath)
    for _ in 0..<4 { folder.deleteLastPathComponent() }
    return folder.appending(path: "../shared/data/cifar10-jpeg.tar.gz").standardized.path
  }()

  @Test(
    "CIFAR-10 as JPEG files: 60,000 images, 100 of them with Pillow's pixels",
    .enabled(if: FileManager.default.fileExists(atPath: archive)))
  func cifar10() throws {
    let folder = try TemporaryDirectory()
    let unpacked = try ProcessRunner.run("tar", ["-xzf", Self.archive, "-C", folder.path])
    try #require(unpacked.exitCode == 0)
    let train = try ImageFolder(directory: folder.path, split: .train)
    let test = try ImageFolder(directory: folder.path, split: .test)
    #expect(train.count == 50_000 && test.count == 10_000)
    #expect(train.imageShape == ImageShape(height: 32, width: 32, channels: 3))
    #expect(train.classNames == test.classNames && train.classNames.count == 10)
    let sums = String(decoding: try Fixture.bytes("cifar-sums.txt"), as: UTF8.self)
      .split(separator: "\n").map { $0.split(separator: " ") }
    #expect(sums.count == 100)
    for (line, sum) in sums.enumerated() {
      let (label, position) = line.quotientAndRemainder(dividingBy: 10)
      let index = label * 5000 + position
      #expect(train.label(at: index) == label)
      let weighted = try pixels(train, index).enumerated().reduce(0) {
        $0 + ($1.offset + 1) * Int($1.element)
      }
      #expect(weighted == Int(sum[1])!, "\(sum[0])")
    }
  }

  /// A PNG of one black pixel.
  private func square() throws -> [UInt8] {
    let text =
      "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhVAAAAAElFTkSuQmCC"
    return [UInt8](try #require(Data(base64Encoded: text)))
  }
}
