/// Missing and damaged images: one error that names the file, exit code 1, nothing written. Images that say
/// little are told.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct BadDataTests {
    private static let arguments = ["--model", "resnet8", "--batch-size", "16"]

    private func expectRefused(
      _ arguments: [String], naming words: [String], ranks: Int = 2,
      sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      let folder = try TemporaryDirectory()
      let outcome = try Job.run(
        ranks, Self.arguments + arguments, in: folder.path, timeout: Job.patience)
      expectFailure(outcome, exitCode: 1, naming: words, sourceLocation: sourceLocation)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty,
        sourceLocation: sourceLocation)
    }

    @Test("missing images are named with the way to get them")
    func missing() throws {
      let folder = try TemporaryDirectory()
      try expectRefused(
        ["--dataset", "cifar10", "--data-dir", folder.path],
        naming: [folder.path, "data fetch cifar10"])
      try expectRefused(
        ["--dataset", "fashion-mnist", "--data-dir", folder.file("nowhere")],
        naming: [folder.file("nowhere")])
      try expectRefused(
        ["--dataset", "image-folder", "--data-dir", folder.path],
        naming: [folder.path, "class"])
    }

    @Test("a folder without a data set is told as what it is, where no --dataset names one")
    func unrecognized() throws {
      let folder = try TemporaryDirectory()
      let (none, empty, loose) = (folder.file("none"), folder.file("empty"), folder.file("loose"))
      for path in [empty, loose] {
        try FileManager.default.createDirectory(
          atPath: path, withIntermediateDirectories: true)
      }
      try FileManager.default.copyItem(
        atPath: "\(Job.root)/Tests/DatasetsTests/Fixtures/colour.jpg", toPath: "\(loose)/1.jpg")
      for (path, text) in [
        (none, "there is no folder \(none)"),
        (empty, "no images or data set that is known here in \(empty)"),
        (loose, "\(loose) has no class folders"),
      ] {
        try expectRefused(["--data-dir", path], naming: [text])
        expectFailure(
          try Job.alone(["data", "check", "--data-dir", path]), exitCode: 1, naming: [text])
      }
    }

    @Test("a truncated CIFAR file is named with expected and found bytes")
    func truncatedCIFAR() throws {
      let folder = try TemporaryDirectory()
      for name in (1...5).map({ "data_batch_\($0).bin" }) + ["test_batch.bin"] {
        let bytes = name == "data_batch_3.bin" ? 3073 * 20 - 7 : 3073 * 20
        try Data(count: bytes).write(to: URL(fileURLWithPath: folder.file(name)))
      }
      try expectRefused(
        ["--dataset", "cifar10", "--data-dir", folder.path],
        naming: ["data_batch_3.bin", "\(3073 * 20 - 7)"])
    }

    @Test("a label that no class has is named")
    func wrongLabel() throws {
      let folder = try TemporaryDirectory()
      for name in (1...5).map({ "data_batch_\($0).bin" }) + ["test_batch.bin"] {
        var bytes = Data(count: 3073 * 20)
        if name == "test_batch.bin" { bytes[3073 * 4] = 10 }
        try bytes.write(to: URL(fileURLWithPath: folder.file(name)))
      }
      try expectRefused(
        ["--dataset", "cifar10", "--data-dir", folder.path], naming: ["test_batch.bin", "10"])
    }

    @Test("a truncated IDX file is named")
    func truncatedIDX() throws {
      let folder = try TemporaryDirectory()
      func write(_ name: String, _ header: [UInt8], _ bytes: Int) throws {
        try (Data(header) + Data(count: bytes)).write(to: URL(fileURLWithPath: folder.file(name)))
      }
      let images: [UInt8] = [0, 0, 8, 3, 0, 0, 0, 64, 0, 0, 0, 28, 0, 0, 0, 28]
      let labels: [UInt8] = [0, 0, 8, 1, 0, 0, 0, 64]
      try write("train-images-idx3-ubyte", images, 64 * 784 - 100)
      try write("train-labels-idx1-ubyte", labels, 64)
      try write("t10k-images-idx3-ubyte", images, 64 * 784)
      try write("t10k-labels-idx1-ubyte", labels, 64)
      try expectRefused(
        ["--dataset", "fashion-mnist", "--data-dir", folder.path],
        naming: ["train-images-idx3-ubyte"])
    }

    /// An image folder with two classes of twenty good JPEGs each, in both splits.
    private func imageFolder() throws -> TemporaryDirectory {
      let folder = try TemporaryDirectory()
      let jpeg = try Data(
        contentsOf: URL(
          fileURLWithPath: "\(Job.root)/Tests/DatasetsTests/Fixtures/colour.jpg"))
      for split in ["train", "test"] {
        for name in ["cat", "dog"] {
          let path = folder.file("\(split)/\(name)")
          try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
          for index in 0..<20 {
            try jpeg.write(to: URL(fileURLWithPath: "\(path)/\(index + 10).jpg"))
          }
        }
      }
      return folder
    }

    private func truncate(_ path: String) throws {
      let whole = try Data(contentsOf: URL(fileURLWithPath: path))
      try whole[..<(whole.count / 2)].write(to: URL(fileURLWithPath: path))
    }

    @Test("a good image folder trains, one with a cut JPEG names it")
    func truncatedJPEG() throws {
      let images = try imageFolder()
      let folder = try TemporaryDirectory()
      let arguments = ["--dataset", "image-folder", "--data-dir", images.path, "--iterations", "3"]
      let good = try Job.run(2, Self.arguments + arguments, in: folder.path)
      #expect(good.exitCode == 0, "\(good.standardError)")
      try truncate(images.file("train/dog/15.jpg"))
      try expectRefused(arguments, naming: ["train/dog/15.jpg"])
    }

    @Test("a JPEG that only one rank reads, in the middle of training, ends all ranks")
    func truncatedJPEGInTraining() throws {
      let images = try imageFolder()
      try truncate(images.file("train/cat/12.jpg"))
      let folder = try TemporaryDirectory()
      let outcome = try Job.run(
        4,
        Self.arguments + [
          "--dataset", "image-folder", "--data-dir", images.path, "--mean", "none", "--std",
          "none", "--epochs", "2", "--run-dir", folder.file("run"),
        ], timeout: Job.patience)
      expectFailure(outcome, exitCode: 1, naming: ["train/cat/12.jpg"])
    }

    @Test("a test image that cannot be decoded does not cost a run its epoch", arguments: [1, 2])
    func truncatedTestImage(ranks: Int) throws {
      let images = try imageFolder()
      let folder = try TemporaryDirectory()
      let (whole, run) = (folder.file("whole"), folder.file("run"))
      let arguments = Self.arguments + ["--data-dir", images.path, "--epochs", "2", "--run-dir"]
      let undisturbed = try Job.run(1, arguments + [whole])
      #expect(undisturbed.exitCode == 0, "\(undisturbed.standardError)")
      let bad = images.file("test/dog/15.jpg")
      let bytes = try Data(contentsOf: URL(fileURLWithPath: bad))
      try truncate(bad)
      let outcome = try Job.run(ranks, arguments + [run], timeout: Job.patience)
      expectFailure(outcome, exitCode: 1, naming: ["test/dog/15.jpg"])
      let checkpoints = try FileManager.default.contentsOfDirectory(atPath: "\(run)/checkpoints")
      #expect(checkpoints.count == 1, "\(checkpoints)")
      try bytes.write(to: URL(fileURLWithPath: bad))
      let resumed = try Job.run(1, ["--resume", run])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
      #expect(try Job.digest(run) == Job.digest(whole))
      #expect(try Job.metrics(run) == Job.metrics(whole))
    }

    @Test("a run tells where it is tested on its training images, or has images of one class")
    func notes() throws {
      let images = try imageFolder()
      let folder = try TemporaryDirectory()
      func output(_ data: String, _ flags: [String] = []) throws -> String {
        let outcome = try Job.alone(
          Self.arguments + ["--data-dir", data, "--iterations", "1"] + flags, in: folder.path)
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        return outcome.standardOutput
      }
      // The splits have the same names and sizes till then.
      try FileManager.default.removeItem(atPath: images.file("test/dog/29.jpg"))
      let usual = try output(images.path)
      #expect(!usual.contains("note: the "), "\(usual)")
      let same = try output(images.file("train"))
      for words in ["note: the test images are the training images", "--validation-split"] {
        #expect(same.contains(words), "\(same)")
      }
      let limited = try output(images.path, ["--train-limit", "16", "--test-limit", "5"])
      for (split, flag) in [("training", "--train-limit"), ("test", "--test-limit")] {
        let note = "note: the \(split) images in use are all of one class, cat: \(flag)"
        #expect(limited.contains(note), "\(limited)")
      }
    }

    @Test("an empty class folder is named")
    func emptyClass() throws {
      let images = try imageFolder()
      try FileManager.default.createDirectory(
        atPath: images.file("train/bird"), withIntermediateDirectories: true)
      try expectRefused(
        ["--dataset", "image-folder", "--data-dir", images.path], naming: ["train/bird"])
    }

    @Test("splits with different classes are refused")
    func differentClasses() throws {
      let images = try imageFolder()
      try FileManager.default.moveItem(
        atPath: images.file("test/dog"), toPath: images.file("test/wolf"))
      try expectRefused(
        ["--dataset", "image-folder", "--data-dir", images.path], naming: ["classes"])
    }
  }
}
