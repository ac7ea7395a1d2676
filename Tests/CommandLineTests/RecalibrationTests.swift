/// `bn-recalibrate`: new statistics beside the old files, the same bits on any number of ranks.

import Foundation
import Safetensors
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct RecalibrationTests {
    private func train(_ path: String, _ flags: [String] = []) throws {
      let outcome = try Job.run(
        2, Job.small + ["--iterations", "24", "--lr", "0.05", "--run-dir", path] + flags)
      try #require(outcome.exitCode == 0, "\(outcome.standardError)")
    }

    private func recalibrate(_ ranks: Int, _ arguments: [String]) throws -> [String: Any] {
      let outcome = try Job.run(ranks, ["bn-recalibrate", "--json"] + arguments)
      try #require(outcome.exitCode == 0, "\(outcome.standardError)")
      return try Job.object(outcome.standardOutput)
    }

    private func evaluate(_ path: String) throws -> [String: Any] {
      let outcome = try Job.run(2, ["eval", "--json", "--weights", path])
      try #require(outcome.exitCode == 0, "\(outcome.standardError)")
      return try Job.object(outcome.standardOutput)
    }

    @Test("any number of ranks and threads writes the same run, and the old one stays as it was")
    func ranks() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      try train(path)
      let before = try Job.digest(path)
      var digests: Set<String> = []
      for (ranks, threads) in [(1, 1), (2, 1), (4, 1), (8, 1), (3, 2)] {
        let output = folder.file("new-\(ranks)-\(threads)")
        let result = try recalibrate(
          ranks, ["--weights", path, "--output", output, "--threads", "\(threads)"])
        #expect(result["samples"] as? Int == 256 && result["mini_batches"] as? Int == 8)
        digests.insert(try Job.digest(output))
        #expect(result["parameters_sha256"] as? String == digests.first)
      }
      #expect(digests.count == 1)
      #expect(try Job.digest(path) == before && !digests.contains(before))
      #expect(try evaluate(path)["parameters_sha256"] as? String == before)
      // It is a whole run: it evaluates, and training goes on from it.
      let new = folder.file("new-1-1")
      let (old, recalibrated) = (try evaluate(path), try evaluate(new))
      #expect(recalibrated["samples"] as? Int == 96)
      let (loss, newLoss) = (old["loss"] as? Double ?? 0, recalibrated["loss"] as? Double ?? 0)
      #expect(newLoss < loss + 0.1, "\(loss) before, \(newLoss) after")
      let resumed = try Job.run(
        2, ["--resume", new, "--iterations", "26", "--run-dir", folder.file("resumed")])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
    }

    @Test("plain weights, fewer images and BN groups")
    func variants() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      try train(path, ["--bn-group-size", "16"])
      let file = folder.file("new.safetensors")
      let result = try recalibrate(
        2, ["--weights", path, "--images", "100", "--output", file])
      // Whole mini-batches, of as many images as were normalized together.
      #expect(result["samples"] as? Int == 96 && result["mini_batches"] as? Int == 6)
      #expect(try Job.digest(file) == result["parameters_sha256"] as? String)
      // It says what an exported file says, and can be evaluated without flags that prepare images.
      let metadata = try SafetensorsFile(contentsOf: file).metadata
      for key in ["model", "shortcut", "mean", "std", "crop", "class_names", "step", "epoch"] {
        #expect(metadata[key] != nil, "\(key)")
      }
      let evaluated = try Job.alone([
        "eval", "--weights", file, "--dataset", "synthetic", "--test-limit", "96",
      ])
      #expect(evaluated.exitCode == 0, "\(evaluated.standardError)")
      let plain = folder.file("plain.safetensors")
      try FileManager.default.copyItem(atPath: file, toPath: plain)
      let again = folder.file("again.safetensors")
      let flags = [
        "--weights", plain, "--images", "96", "--model", "resnet8", "--dataset", "synthetic",
        "--mean", "none", "--std", "none", "--batch-size", "32", "--output", again,
      ]
      #expect(try recalibrate(1, flags)["mini_batches"] as? Int == 3)
      #expect(try Job.digest(again) != Job.digest(plain))
    }

    @Test("an output that exists, too many images and a run out of plain weights are refused")
    func refusals() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      try train(path)
      let file = "\(path)/checkpoints/step-0000024/weights.safetensors"
      let plain = folder.file("plain.safetensors")
      try FileManager.default.copyItem(atPath: file, toPath: plain)
      let new = folder.file("new")
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
      let fromPlain = [
        "--weights", plain, "--model", "resnet8", "--dataset", "synthetic", "--mean", "none",
        "--std", "none", "--output", new,
      ]
      let wrong: [(arguments: [String], exitCode: Int32, words: [String])] = [
        (["--output", new], 2, ["--weights"]),
        (["--weights", path], 2, ["--output"]),
        (["--weights", path, "--output", path], 2, [path, "exists already"]),
        (["--weights", path, "--output", plain], 2, [plain, "exists already"]),
        (["--weights", path, "--output", new, "--images", "0"], 2, ["--images"]),
        (["--weights", path, "--output", new, "--images", "257"], 2, ["257", "256"]),
        (["--weights", path, "--output", new, "--images", "31"], 2, ["31", "mini-batch of 32"]),
        (["--weights", path, "--output", folder.file("no/where")], 1, [folder.file("no")]),
        (fromPlain, 2, [plain, ".safetensors"]),
      ]
      for (arguments, exitCode, words) in wrong {
        expectFailure(
          try Job.run(2, ["bn-recalibrate"] + arguments, timeout: Job.patience),
          exitCode: exitCode, naming: words)
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == names)
    }
  }
}
