/// The commands about images: statistics and `--mean FILE`, `bench --data`.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct InputPipelineTests {
    private static let images = ["--dataset", "synthetic", "--train-limit", "256"]

    private func statistics(
      _ flags: [String], to path: String
    ) throws -> ProcessRunner.Outcome {
      try Job.alone(["data", "statistics", "--output", path] + flags)
    }

    @Test("training with the statistics' file is training with the statistics")
    func meanFile() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("mean.safetensors")
      let made = try statistics(Self.images + ["--workers", "2"], to: path)
      #expect(made.exitCode == 0, "\(made.standardError)")
      #expect(made.standardOutput.contains("mean") && made.standardOutput.contains(path))
      var digests: [String] = []
      for (name, flags) in [
        ("computed", ["--mean", "per-pixel", "--std", "per-channel"]), ("file", ["--mean", path]),
      ] {
        let run = folder.file(name)
        let outcome = try Job.run(
          2, Job.small + flags + ["--iterations", "4", "--run-dir", run])
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        digests.append(try Job.digest(run))
      }
      #expect(digests[0] == digests[1])
      // The file is needed no more: a checkpoint keeps what was made of it.
      try FileManager.default.removeItem(atPath: path)
      let outcome = try Job.run(2, ["eval", "--weights", folder.file("file"), "--json"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
    }

    @Test("a wrong mean file is one error that names it")
    func wrongMeanFile() throws {
      let folder = try TemporaryDirectory()
      func expectRefused(
        _ path: String, _ words: [String], sourceLocation: SourceLocation = #_sourceLocation
      ) throws {
        let outcome = try Job.run(
          2, Job.small + ["--mean", path, "--iterations", "2"], in: folder.path,
          timeout: Job.patience)
        expectFailure(
          outcome, exitCode: 2, naming: ["--mean \(path)"] + words, sourceLocation: sourceLocation)
        #expect(
          !FileManager.default.fileExists(atPath: folder.file("runs")),
          sourceLocation: sourceLocation)
      }
      try expectRefused(folder.file("none.safetensors"), ["data statistics"])
      try "not a safetensors file".write(
        toFile: folder.file("text.safetensors"), atomically: true, encoding: .utf8)
      try expectRefused(folder.file("text.safetensors"), ["data statistics"])
      // Of other images: 24 pixels instead of 32.
      let small = folder.file("small.safetensors")
      let made = try statistics(Self.images + ["--image-size", "24"], to: small)
      #expect(made.exitCode == 0, "\(made.standardError)")
      try expectRefused(small, ["[3, 24, 24]", "[3, 32, 32]"])
      // Weights are no statistics.
      let run = folder.file("run")
      let trained = try Job.run(1, Job.small + ["--iterations", "1", "--run-dir", run])
      #expect(trained.exitCode == 0, "\(trained.standardError)")
      let weights = "\(run)/checkpoints/step-0000001/weights.safetensors"
      try expectRefused(weights, ["has no 'mean'"])
    }

    @Test("statistics are written to a .safetensors file or not at all")
    func output() throws {
      let folder = try TemporaryDirectory()
      let wrong = try statistics(Self.images, to: folder.file("mean.npy"))
      expectFailure(wrong, exitCode: 2, naming: ["mean.npy", ".safetensors"])
      let nowhere = try statistics(Self.images, to: folder.file("none/mean.safetensors"))
      expectFailure(nowhere, exitCode: 1, naming: ["none/mean.safetensors"])
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    @Test("bench --data prints the pipeline's rate, for all ranks and for a core")
    func bench() throws {
      let outcome = try Job.run(
        2,
        [
          "bench", "--data", "--dataset", "synthetic", "--image-size", "48", "--workers", "2", "-b",
          "32", "--seconds", "0.3", "--json",
        ])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let result = try Job.object(outcome.standardOutput)
      #expect(result["ranks"] as? Int == 2 && result["workers"] as? Int == 2)
      #expect(result["height"] as? Int == 48 && result["width"] as? Int == 48)
      #expect((result["images_per_second"] as? Double ?? 0) > 0)
      #expect((result["images_per_core_second"] as? Double ?? 0) > 0)
      for flags in [["--dataset", "synthetic"], ["--data", "--layers"]] {
        let wrong = try Job.run(2, ["bench"] + flags, timeout: Job.patience)
        expectFailure(wrong, exitCode: 2, naming: ["--data"])
      }
    }

    @Test("ranks that find other images under the same path are told so")
    func differentFolders() throws {
      let folder = try TemporaryDirectory()
      let places = try Job.placesWithImages(3, 2, in: folder)
      let outcome = try Job.run(
        inEach: places,
        ["--model", "resnet8", "--dataset", "image-folder", "--data-dir", "images"])
      expectFailure(outcome, exitCode: 2, naming: ["training images", "rank 1"])
    }
  }
}
