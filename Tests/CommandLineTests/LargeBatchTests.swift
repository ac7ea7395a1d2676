/// LARS, warm-up and scaled rates: the same promises as the default's.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct LargeBatchTests {
    /// 30 steps, of which the first 16 warm up: two epochs of 256 images by 32.
    private static let arguments =
      Job.small + [
        "--iterations", "30", "--checkpoint-every", "10", "--optimizer", "lars", "--lr", "2",
        "--lr-reference-batch", "16", "--warmup-epochs", "2",
      ]

    @Test("LARS in its warm-up gives the same bits on 1 and 2 ranks, and resumed in its middle")
    func ranksAndResume() throws {
      let folder = try TemporaryDirectory()
      let (one, two, three) = (folder.file("one"), folder.file("two"), folder.file("three"))
      let first = try Job.run(1, Self.arguments + ["--run-dir", one])
      #expect(first.exitCode == 0, "\(first.standardError)")
      let second = try Job.run(2, Self.arguments + ["--threads", "2", "--run-dir", two])
      #expect(second.exitCode == 0, "\(second.standardError)")
      let resumed = try Job.run(
        2, ["--resume", "\(one)/checkpoints/step-0000010", "--run-dir", three])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
      let digest = try Job.digest(one)
      #expect(try Job.digest(two) == digest)
      #expect(try Job.digest(three) == digest)
      let metrics = try Job.metrics(one)
      #expect(try Job.metrics(two) == metrics)
      #expect(try Job.metrics(three) == metrics.filter { (Int($0["step"] ?? "") ?? 0) > 10 })
      // The end of the first epoch: the rate of the step after seven, 2 + 7/16 · 2.
      #expect(metrics.first { $0["step"] == "8" }?["lr"] == "2.875")
    }

    @Test("the summary says optimizer, scaled rate and warm-up, config.yaml what was asked for")
    func summary() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      let outcome = try Job.alone(Self.arguments + ["--run-dir", path])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      for part in [
        "30 iterations, lr 4, × 0.1 after iterations 18 and 26", "lr 4 is 2 × 32 / 16 images",
        "warm-up of 16 iterations: lr from 2 up in even steps", "LARS, trust 0.001, momentum 0.9",
      ] {
        #expect(
          outcome.standardOutput.contains(part), "no '\(part)' in:\n\(outcome.standardOutput)")
      }
      let config = try String(contentsOfFile: "\(path)/config.yaml", encoding: .utf8)
      for line in [
        "lr: 2", "lr-reference-batch: 16", "warmup-epochs: 2", "warmup-method: linear",
        "optimizer: lars", "lars-trust: 0.001",
      ] { #expect(config.contains(line + "\n"), "no '\(line)' in:\n\(config)") }
    }

    @Test(
      "LAMB with binary cross-entropy, repeats and mixed groups gives the same bits on 1 to 4 ranks and resumed"
    )
    func lamb() throws {
      let folder = try TemporaryDirectory()
      let arguments =
        Job.small + [
          "--iterations", "9", "--checkpoint-every", "4", "--optimizer", "lamb", "--lr", "0.02",
          "--wd", "0.02", "--norm-weight-decay", "0", "--bce-loss", "--bce-target-thresh", "0.2",
          "--ra-reps", "3", "--mixup-alpha", "0.2", "--cutmix-alpha", "1", "--bn-group-size", "8",
          "--warmup-epochs", "1", "--lr-schedule", "cosine", "--warmup-prefix", "--lr-interval",
          "epoch",
        ]
      let runs = try [1, 2, 3, 4].map { ranks in
        let run = folder.file("\(ranks)")
        let outcome = try Job.run(ranks, arguments + ["--run-dir", run])
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        for part in [
          "LAMB, betas 0.9 and 0.999", "binary cross-entropy in training, targets above 0.2 are 1",
          "each image 3 times", "changes between epochs only",
        ] { #expect(outcome.standardOutput.contains(part), "\(part): \(outcome.standardOutput)") }
        return run
      }
      let digest = try Job.digest(runs[0])
      for run in runs { #expect(try Job.digest(run) == digest) }
      let resumed = folder.file("resumed")
      let outcome = try Job.run(
        3, ["--resume", "\(runs[1])/checkpoints/step-0000004", "--run-dir", resumed])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(try Job.digest(resumed) == digest)
      let metrics = try Job.metrics(runs[0])
      #expect(try Job.metrics(resumed) == metrics.filter { (Int($0["step"] ?? "") ?? 0) > 4 })
    }

    @Test("LARS, its trust and a warm-up each change the run")
    func eachCounts() throws {
      let folder = try TemporaryDirectory()
      let variants = [
        [], ["--optimizer", "lars"], ["--optimizer", "lars", "--lars-trust", "0.01"],
        ["--warmup-iterations", "2"], ["--warmup-iterations", "2", "--warmup-method", "constant"],
        ["--lr-reference-batch", "64"],
      ]
      let digests = try variants.enumerated().map { index, flags in
        let path = folder.file("run-\(index)")
        let outcome = try Job.alone(Job.small + ["--iterations", "3", "--run-dir", path] + flags)
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        return try Job.digest(path)
      }
      #expect(Set(digests).count == variants.count, "\(digests)")
    }

    @Test("a run is not resumed with another optimizer, whose velocity means something else")
    func otherOptimizer() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      let first = try Job.alone(Job.small + ["--iterations", "4", "--run-dir", path])
      #expect(first.exitCode == 0, "\(first.standardError)")
      let other = ["--resume", path, "--iterations", "6", "--optimizer", "lars"]
      expectFailure(
        try Job.run(2, other + ["--run-dir", folder.file("branch")]), exitCode: 2,
        naming: ["--optimizer sgd", "asks for lars", "--weights"])
      // A checkpoint from before there was a choice says nothing and is momentum SGD's.
      let manifest = "\(path)/checkpoints/step-0000004/checkpoint.json"
      var contents = try Job.object(String(contentsOfFile: manifest, encoding: .utf8))
      var state = try #require(contents["state"] as? [String: Any])
      #expect(state.removeValue(forKey: "optimizer") as? String == "sgd")
      #expect(state.removeValue(forKey: "settings") is [String: String])
      contents["state"] = state
      try JSONSerialization.data(withJSONObject: contents).write(to: URL(filePath: manifest))
      try FileManager.default.removeItem(atPath: "\(manifest).sha256")
      expectFailure(
        try Job.run(2, other + ["--run-dir", folder.file("branch")]), exitCode: 2,
        naming: ["--optimizer sgd"])
      let same = try Job.alone(["--resume", path, "--iterations", "6"])
      #expect(same.exitCode == 0, "\(same.standardError)")
    }
  }
}
