/// Training on image files of many sizes, in folders and in tar files.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct RealImagesTests {
    /// Two classes of the committed images, of two sizes; four copies of each.
    private func images(in folder: TemporaryDirectory) throws -> String {
      let fixtures = "\(Job.root)/Tests/DatasetsTests/Fixtures"
      for (label, names) in [
        ("a", ["colour.jpg", "odd.jpg", "grey.png"]), ("b", ["cmyk.jpg", "deep.png", "odd.jpg"]),
      ] {
        let path = folder.file("images/\(label)")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for name in names {
          for copy in 0..<4 {
            try FileManager.default.copyItem(
              atPath: "\(fixtures)/\(name)", toPath: "\(path)/\(copy)-\(name)")
          }
        }
      }
      return folder.file("images")
    }

    private static let settings = [
      "--model", "resnet8", "--image-size", "24", "--batch-size", "16", "--iterations", "6",
      "--lr", "0.01",
    ]

    /// Trains and returns the parameters' digest.
    private func train(
      _ name: String, in folder: TemporaryDirectory, ranks: Int, _ flags: [String]
    ) throws -> (digest: String, output: String) {
      let path = folder.file(name)
      let outcome = try Job.run(ranks, Self.settings + flags + ["--run-dir", path])
      try #require(outcome.exitCode == 0, "\(outcome.standardOutput)\(outcome.standardError)")
      return (try Job.digest(path), outcome.standardOutput)
    }

    @Test(
      "images of several sizes train the same bits on 1, 2 and 4 ranks and any workers",
      arguments: ["random-resized", "scale", "center"])
    func ranks(crop: String) throws {
      let folder = try TemporaryDirectory()
      let flags = [
        "--dataset", "image-folder", "--data-dir", try images(in: folder), "--train-crop", crop,
      ]
      var digests: Set<String> = []
      for (ranks, workers) in [(1, 2), (2, 1), (4, 1)] {
        let run = try train(
          "run-\(ranks)", in: folder, ranks: ranks, flags + ["--workers", "\(workers)"])
        digests.insert(run.digest)
      }
      #expect(digests.count == 1)
    }

    @Test(
      "a tar file of a folder trains what the folder trains, two tar files the same on all ranks")
    func tarFiles() throws {
      let folder = try TemporaryDirectory()
      let path = try images(in: folder)
      func pack(_ name: String, _ classes: [String]) throws {
        let made = try ProcessRunner.run(
          "/usr/bin/tar", ["--sort=name", "-cf", folder.file(name), "-C", path] + classes)
        try #require(made.exitCode == 0, "\(made.standardError)")
      }
      try pack("whole.tar", ["a", "b"])
      try pack("part-0.tar", ["a"])
      try pack("part-1.tar", ["b"])
      let ofFolder = try train(
        "folder", in: folder, ranks: 2, ["--dataset", "image-folder", "--data-dir", path])
      let tar = ["--dataset", "webdataset", "--data-dir"]
      let ofTar = try train("tar", in: folder, ranks: 2, tar + [folder.file("whole.tar")])
      #expect(ofTar.digest == ofFolder.digest)
      let parts = try [1, 2, 4].map {
        try train(
          "parts-\($0)", in: folder, ranks: $0, tar + [folder.file("part-{0..1}.tar")]
        ).digest
      }
      #expect(Set(parts).count == 1)
      let evaluated = try Job.run(2, ["eval", "--weights", folder.file("parts-1"), "--json"])
      #expect(try Job.object(evaluated.standardOutput)["samples"] as? Int == 24)
    }

    @Test(
      "a bad image ends the run, or is replaced, named and counted: the same on 1, 2 and 4 ranks")
    func badImages() throws {
      let folder = try TemporaryDirectory()
      let path = try images(in: folder)
      let test = try TemporaryDirectory()
      let bad = path + "/a/2-odd.jpg"
      let whole = try Data(contentsOf: URL(fileURLWithPath: bad))
      try whole.dropLast(300).write(to: URL(fileURLWithPath: bad))
      let flags = [
        "--dataset", "image-folder", "--data-dir", path, "--val-data", try images(in: test),
      ]
      let refused = try Job.run(
        2, Self.settings + flags + ["--run-dir", folder.file("refused")], timeout: Job.patience)
      expectFailure(refused, exitCode: 1, naming: [bad])
      var digests: Set<String> = []
      for ranks in [1, 2, 4] {
        let name = "skip-\(ranks)"
        let run = try train(name, in: folder, ranks: ranks, flags + ["--on-bad-image", "skip"])
        digests.insert(run.digest)
        #expect(run.output.contains("1 bad image in this epoch") && run.output.contains(bad))
        let counts = try Job.metrics(folder.file(name)).compactMap { $0["bad_images"] }
        // Six mini-batches of 16 are four epochs of 24; one that spans two counts for the first.
        #expect(counts.count == 4 && counts.compactMap(Int.init).reduce(0, +) == 4, "\(counts)")
      }
      #expect(digests.count == 1)
    }

    @Test("a truncated tar file and sizes that do not fit are one clear error")
    func refused() throws {
      let folder = try TemporaryDirectory()
      let path = try images(in: folder)
      let made = try ProcessRunner.run(
        "/usr/bin/tar", ["-cf", folder.file("cut.tar"), "-C", path, "a", "b"])
      try #require(made.exitCode == 0)
      let whole = try Data(contentsOf: URL(fileURLWithPath: folder.file("cut.tar")))
      try whole[..<(whole.count / 2)].write(to: URL(fileURLWithPath: folder.file("cut.tar")))
      let ofFolder = ["--dataset", "image-folder", "--data-dir", path]
      for (code, flags, words) in [
        (
          1, ["--dataset", "webdataset", "--data-dir", folder.file("cut.tar")],
          ["cut.tar", "cut short"]
        ),
        (2, ofFolder + ["--train-crop", "pad"], ["--train-crop pad"]),
        (
          2, ofFolder + ["--train-crop", "scale", "--train-scales", "20,30"],
          ["--train-scales 20,30"]
        ),
        (2, ofFolder + ["--val-resize-size", "23"], ["--val-resize-size 23"]),
        (2, ["--dataset", "webdataset"], ["--data-dir"]),
      ] as [(Int32, [String], [String])] {
        let outcome = try Job.run(
          2, Self.settings + flags + ["--run-dir", folder.file("run")], timeout: Job.patience)
        expectFailure(outcome, exitCode: code, naming: words)
        #expect(!FileManager.default.fileExists(atPath: folder.file("run")))
      }
    }

    @Test("a folder that differs between ranks is told")
    func foldersDiffer() throws {
      let folders = [try TemporaryDirectory(), try TemporaryDirectory()]
      for folder in folders { _ = try images(in: folder) }
      try FileManager.default.removeItem(atPath: folders[1].file("images/b/3-deep.png"))
      let outcome = try withExtendedLifetime(folders) {
        try Job.run(
          inEach: folders.map(\.path),
          Self.settings + ["--dataset", "image-folder", "--data-dir", "images"])
      }
      expectFailure(
        outcome, exitCode: 2,
        naming: ["training images of rank 1 are not those of rank 0", "on rank 0", "on rank 1"])
    }
  }
}
