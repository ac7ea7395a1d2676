/// The validation images' labels through a devkit that scipy wrote, and damaged ones.

import Datasets
import Foundation
import TestSupport
import Testing

@Suite struct ILSVRCValidationTests {
  private static let devkit = Fixture.path("ILSVRC2012_devkit_t12")
  private static let truthFile = "data/ILSVRC2012_validation_ground_truth.txt"

  /// A copy of the devkit with another `meta.mat`.
  private func devkit(_ meta: [UInt8]) throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    try write(meta, to: folder.file("data/meta.mat"))
    try write(
      [UInt8](Data(contentsOf: URL(filePath: "\(Self.devkit)/\(Self.truthFile)"))),
      to: folder.file(Self.truthFile))
    return folder
  }

  private func meta(_ name: String) throws -> [UInt8] {
    try Fixture.bytes("ILSVRC2012_devkit_t12/data/\(name)")
  }

  @Test("labels are the devkit's, compressed or not", arguments: ["meta.mat", "meta-plain.mat"])
  func labels(name: String) throws {
    let folder = try devkit(meta(name))
    let kit = try ILSVRCDevkit(folder: folder.path)
    #expect(
      kit.classes == ["n02119789", "n02100735", "n01440764", "n02110185", "n01496331"])
    #expect(
      kit.validation == [
        "n01496331", "n02119789", "n02119789", "n01440764", "n02110185", "n02100735", "n01496331",
      ])
  }

  @Test("a flat folder has the classes of the training folders, sorted by WordNet id")
  func flatFolder() throws {
    let folder = try TemporaryDirectory()
    for number in [7, 2, 4] {
      try write(
        Fixture.bytes("colour.jpg"),
        to: folder.file("val/ILSVRC2012_val_\(String(format: "%08d", number)).JPEG"))
    }
    try FileManager.default.copyItem(
      atPath: Self.devkit, toPath: folder.file("ILSVRC2012_devkit_t12"))
    let images = try #require(ILSVRCValidation.folder(in: folder.path))
    let source = try ILSVRCValidation(folder: images)
    #expect(
      source.classNames == ["n01440764", "n01496331", "n02100735", "n02110185", "n02119789"])
    #expect((0..<source.count).map { source.label(at: $0) } == [4, 0, 1])
    #expect(source.imageName(at: 0).hasSuffix("val/ILSVRC2012_val_00000002.JPEG"))
    #expect(try pixels(source, 1) == Fixture.pixels(of: "colour.jpg"))
  }

  @Test("without a devkit, or with images it does not know, it says what to do")
  func missing() throws {
    let folder = try TemporaryDirectory()
    try write([1], to: folder.file("a/b/val/ILSVRC2012_val_00000008.JPEG"))
    let images = folder.file("a/b/val")
    let missing = #expect(throws: DatasetError.self) { try ILSVRCValidation(folder: images) }
    #expect("\(missing!)".contains("Unpack ILSVRC2012_devkit_t12.tar.gz"))
    let unknown = #expect(throws: DatasetError.self) {
      try ILSVRCValidation(folder: images, devkit: Self.devkit)
    }
    #expect("\(unknown!)".contains("ILSVRC2012_val_00000008.JPEG"))
    #expect("\(unknown!)".contains("one of the 7 images"))
    #expect(ILSVRCValidation.folder(in: folder.path) == nil)
  }

  @Test(
    "a damaged meta.mat is read or refused by name, never more",
    arguments: [
      "meta.mat", "meta-plain.mat",
    ])
  func damaged(name: String) throws {
    let whole = try meta(name)
    var random = TestData(seed: 12)
    var refused = 0
    for round in 0..<300 {
      var bytes = whole
      if round.isMultiple(of: 3) {
        bytes.removeLast(random.integer(in: 1...bytes.count - 1))
      } else {
        for _ in 0..<random.integer(in: 1...3) {
          bytes[random.integer(in: 100...bytes.count - 1)] = UInt8(random.integer(in: 0...255))
        }
      }
      let folder = try devkit(bytes)
      do { _ = try ILSVRCDevkit(folder: folder.path) } catch let error as DatasetError {
        refused += 1
        #expect("\(error)".contains(folder.path), "\(error)")
      }
    }
    #expect(refused > 100)
    for bytes in [[], Array("MATLAB 5.0".utf8), [UInt8](repeating: 0x20, count: 500)] {
      let folder = try devkit(bytes)
      #expect(throws: DatasetError.self) { try ILSVRCDevkit(folder: folder.path) }
    }
  }

  @Test("a line of the ground truth that is no class is named")
  func wrongTruth() throws {
    for (text, words) in [("3\n6\n", "line 2 is '6'"), ("3\nx\n", "line 2 is 'x'")] {
      let folder = try devkit(meta("meta.mat"))
      try write(Array(text.utf8), to: folder.file(Self.truthFile))
      let error = #expect(throws: DatasetError.self) { try ILSVRCDevkit(folder: folder.path) }
      #expect("\(error!)".contains(words))
    }
  }
}
