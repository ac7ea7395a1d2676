/// `eval` with several `--weights`: softmax scores averaged, on any number of ranks.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct EnsembleTests {
    /// Trains a network for a few steps and returns its run folder.
    private func train(
      _ name: String, in folder: TemporaryDirectory, _ flags: [String]
    ) throws -> String {
      let path = folder.file(name)
      let outcome = try Job.run(
        2, Job.small + ["--lr", "0.02", "--iterations", "12", "--run-dir", path] + flags)
      try #require(outcome.exitCode == 0, "\(outcome.standardError)")
      return path
    }

    private func evaluate(_ ranks: Int, _ arguments: [String]) throws -> [String: Any] {
      let outcome = try Job.run(ranks, ["eval", "--json"] + arguments)
      try #require(outcome.exitCode == 0, "\(outcome.standardError)")
      return try Job.object(outcome.standardOutput)
    }

    @Test("any number of ranks and threads gives the same result, each image once")
    func ranks() throws {
      let folder = try TemporaryDirectory()
      let first = try train("first", in: folder, ["--test-limit", "91"])
      let second = try train("second", in: folder, ["--model", "plain8", "--mean", "none"])
      var results: [[String: Any]] = []
      for (ranks, threads) in [(1, 1), (2, 1), (4, 1), (8, 1), (3, 2)] {
        results.append(
          try evaluate(
            ranks, ["--weights", first, "--weights", second, "--threads", "\(threads)"]))
      }
      #expect(Set(results.map { "\($0["top1"]!) \($0["top5"]!) \($0["loss"]!)" }).count == 1)
      #expect(results[0]["samples"] as? Int == 91)
      #expect(results[0]["model"] as? String == "resnet8+plain8")
      #expect(results[0]["networks"] as? Int == 2)
      // In the other order the same scores are added.
      let turned = try evaluate(
        2, ["--weights", second, "--weights", first, "--test-limit", "91"])
      #expect(turned["top1"] as? Double == results[0]["top1"] as? Double)
      let loss = try #require(results[0]["loss"] as? Double)
      #expect(abs(try #require(turned["loss"] as? Double) - loss) < 1e-12)
    }

    @Test("a network twice is that network, plain weights included")
    func twice() throws {
      let folder = try TemporaryDirectory()
      let path = try train("run", in: folder, [])
      let file = "\(path)/checkpoints/step-0000012/weights.safetensors"
      let plain = folder.file("plain.safetensors")
      try FileManager.default.copyItem(atPath: file, toPath: plain)
      let alone = try evaluate(2, ["--weights", path])
      #expect(alone["networks"] as? Int == 1 && alone["views"] as? Int == 1)
      let normalization = ["--mean", "0.5,0.4,0.3", "--std", "0.2,0.3,0.4"]
      let images = ["--dataset", "synthetic", "--test-limit", "96", "--batch-size", "32"]
      let shifted = try evaluate(2, ["--weights", path] + normalization)
      for (single, members, flags) in [
        (alone, [path, file], []),
        (shifted, [plain, path], ["--model", "resnet8"] + normalization + images),
        (
          shifted, [plain, plain, plain],
          ["resnet8", "resnet8", "resnet8"].flatMap { ["--model", $0] } + normalization + images
        ),
      ] {
        let both = try evaluate(2, members.flatMap { ["--weights", $0] } + flags)
        #expect(both["top1"] as? Double == single["top1"] as? Double)
        #expect(both["top5"] as? Double == single["top5"] as? Double)
        let loss = try #require(single["loss"] as? Double)
        #expect(abs(try #require(both["loss"] as? Double) - loss) < 1e-9 * loss)
      }
    }

    @Test("networks of other classes, and more models than weights, are refused")
    func refusals() throws {
      let folder = try TemporaryDirectory()
      let path = try train("run", in: folder, [])
      // CIFAR-100 in black.
      for name in ["train.bin", "test.bin"] {
        try Data(count: 3074 * 40).write(to: URL(fileURLWithPath: folder.file(name)))
      }
      let other = folder.file("hundred")
      let trained = try Job.alone([
        "--model", "resnet8", "--dataset", "cifar100", "--data-dir", folder.path, "--batch-size",
        "16", "--iterations", "1", "--run-dir", other,
      ])
      try #require(trained.exitCode == 0, "\(trained.standardError)")
      expectFailure(
        try Job.run(2, ["eval", "--weights", path, "--weights", other], timeout: Job.patience),
        exitCode: 2, naming: ["hundred", "100 classes", "the images have 10"])
      expectFailure(
        try Job.run(
          2,
          ["eval", "--weights", path, "--weights", path]
            + ["resnet8", "plain8", "resnet8"].flatMap { ["--model", $0] }, timeout: Job.patience),
        exitCode: 2, naming: ["--model is given 3 times for 2 --weights"])
      expectFailure(
        try Job.run(
          2,
          [
            "eval", "--weights", path, "--weights", path, "--model", "resnet8", "--model",
            "resnet14",
          ],
          timeout: Job.patience), exitCode: 1, naming: ["not of resnet14"])
    }
  }
}
