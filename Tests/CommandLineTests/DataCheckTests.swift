/// `data check`, and what a folder tells by itself.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct DataCheckTests {
    private static let images = "\(Job.root)/Tests/CommandLineTests/Fixtures/evaluation/images"

    /// A data set with ten training images, and one of them as the test image.
    private func dataset(_ folder: TemporaryDirectory) throws -> String {
      let files = FileManager.default
      let root = folder.file("images")
      try files.createDirectory(atPath: root, withIntermediateDirectories: true)
      try files.copyItem(atPath: Self.images, toPath: "\(root)/train")
      try files.copyItem(atPath: Self.images, toPath: "\(root)/test")
      return root
    }

    @Test("a sound data set has nothing wrong; the same images in both splits are reported")
    func sound() throws {
      let sound = try Job.alone(["data", "check", "--dataset", "synthetic"])
      #expect(sound.exitCode == 0, "\(sound.standardError)")
      #expect(sound.standardOutput.contains("nothing is wrong with them"))
      #expect(sound.standardOutput.contains("height 32, width 32 pixels"))
      let folder = try TemporaryDirectory()
      let outcome = try Job.alone(["data", "check", "--data-dir", try dataset(folder), "--json"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let report = try Job.object(outcome.standardOutput)
      #expect(report["test_images_in_training"] as? Int == 10)
      #expect(report["repeated_training_images"] as? Int == 0)
      #expect((report["train"] as? [String: Any])?["images"] as? Int == 10)
    }

    @Test("bad, repeated and ignored files are named, and the exit code tells of bad ones")
    func bad() throws {
      let folder = try TemporaryDirectory()
      let root = try dataset(folder)
      let files = FileManager.default
      try Data("no image".utf8).write(to: URL(fileURLWithPath: "\(root)/train/class-0/bad.png"))
      try Data().write(to: URL(fileURLWithPath: "\(root)/train/class-1/photo.webp"))
      try files.copyItem(
        atPath: "\(root)/train/class-2/2.png", toPath: "\(root)/train/class-2/copy.png")
      let outcome = try Job.alone(["data", "check", "--data-dir", root, "--workers", "3"])
      expectFailure(outcome, exitCode: 1, naming: ["1 image cannot be used"])
      for words in [
        "1 training image cannot be decoded", "\(root)/train/class-0/bad.png",
        "1 training image more than once", "10 test images of 10 among the training images",
        "1 ignored beside the training images", "(1 other files ignored)", "class-0 3, class-1 2",
      ] { #expect(outcome.standardOutput.contains(words), "\(words): \(outcome.standardOutput)") }
    }

    @Test("an image of another size, which opening the folder does not notice, is named")
    func otherSize() throws {
      let folder = try TemporaryDirectory()
      let files = FileManager.default
      func write(_ name: String, side: Int) throws {
        let url = URL(fileURLWithPath: folder.file(name))
        try files.createDirectory(
          at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(HugeImages.png(side: side)).write(to: url)
      }
      // Of 65 images 64 are looked at when the folder is opened, and not the last.
      for number in 0..<65 {
        try write("train/\(number < 40 ? "a" : "b")/\(100 + number).png", side: 16)
      }
      for name in ["a", "b"] { try write("test/\(name)/1.png", side: 16) }
      let command = ["data", "check", "--data-dir", folder.path]
      #expect(try Job.alone(command).exitCode == 0)
      try write("train/b/164.png", side: 17)
      let outcome = try Job.alone(command)
      expectFailure(
        outcome, exitCode: 1,
        naming: [
          "1 image cannot be used", "--image-size",
          "1 training image of another size than the others, 16×16 pixels",
          "\(folder.file("train/b/164.png")): 17×17 pixels",
        ])
      #expect(!outcome.standardOutput.contains("nothing is wrong"))
    }

    @Test("images of 12,000×12,000 pixels are used, and reported as oversized, not as bad")
    func oversized() throws {
      let folder = try TemporaryDirectory()
      let (root, run) = (try dataset(folder), folder.file("run"))
      for (name, bytes) in [
        ("huge.jpg", HugeImages.jpeg(side: 12_000)), ("huge.png", HugeImages.png(side: 12_000)),
      ] {
        for split in ["train", "test"] {
          try Data(bytes).write(to: URL(fileURLWithPath: "\(root)/\(split)/class-1/\(name)"))
        }
      }
      let check = try Job.alone(["data", "check", "--data-dir", root])
      #expect(check.exitCode == 0, "\(check.standardError)")
      for words in [
        "2 training images oversized", "2 test images oversized",
        "\(root)/train/class-1/huge.png: 12,000×12,000 pixels",
      ] { #expect(check.standardOutput.contains(words), "\(words): \(check.standardOutput)") }
      #expect(!check.standardOutput.contains("cannot be decoded"))
      let training = [
        "--data-dir", root, "--image-size", "32", "--model", "resnet8", "--iterations", "2",
        "--batch-size", "12", "--run-dir",
      ]
      let trained = try Job.run(2, training + [run])
      #expect(trained.exitCode == 0, "\(trained.standardError)")
      let tested = try Job.alone(["eval", "--weights", run, "--data-dir", root, "--json"])
      #expect(try Job.object(tested.standardOutput)["samples"] as? Int == 12)
      let predicted = try Job.alone(
        ["predict", "--weights", run, "\(root)/train/class-1/huge.jpg", "--json"])
      #expect(predicted.exitCode == 0, "\(predicted.standardError)")

      let limit = ["--max-image-pixels", "67108864"]
      let refused = try Job.alone(["data", "check", "--data-dir", root, "--json"] + limit)
      expectFailure(refused, exitCode: 1, naming: ["4 images cannot be used"])
      let report = try Job.object(
        String(refused.standardOutput.split(separator: "\n").first { $0.hasPrefix("{") } ?? ""))
      let split = try #require(report["train"] as? [String: Any])
      #expect((split["bad"] as? [Any])?.isEmpty == true)
      #expect(
        (split["oversized"] as? [[String: Any]])?.map { $0["refused"] as? Bool } == [true, true])
      expectFailure(
        try Job.run(2, training + [folder.file("refused")] + limit), exitCode: 1,
        naming: ["--max-image-pixels", "12,000×12,000"])
    }

    @Test(
      "eval tells where the folder's classes have other names; five classes have no top-5 error")
    func otherNames() throws {
      let folder = try TemporaryDirectory()
      let (root, run) = (try dataset(folder), folder.file("run"))
      let trained = try Job.alone([
        "--data-dir", root, "--image-size", "32", "--model", "resnet8", "--iterations", "1",
        "--batch-size", "8", "--run-dir", run,
      ])
      #expect(trained.exitCode == 0, "\(trained.standardError)")
      func eval() throws -> String {
        let outcome = try Job.alone(["eval", "--weights", run])
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        return outcome.standardOutput
      }
      let same = try eval()
      #expect(!same.contains("note:") && !same.contains("top-5"), "\(same)")
      try FileManager.default.moveItem(
        atPath: "\(root)/test/class-3", toPath: "\(root)/test/class-3b")
      #expect(try eval().contains("calls class 3 class-3, the images' folder calls it class-3b"))
    }

    @Test("training finds the data set and the network by the images, which differ in size")
    func recognized() throws {
      let folder = try TemporaryDirectory()
      let run = folder.file("run")
      let outcome = try Job.alone([
        "--data-dir", try dataset(folder), "--iterations", "1", "--batch-size", "8", "--run-dir",
        run,
      ])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let config = try String(contentsOfFile: "\(run)/config.yaml", encoding: .utf8)
      #expect(config.contains("\ndataset: image-folder\n"))
      #expect(config.contains("model: resnet18\n"))
    }
  }
}
