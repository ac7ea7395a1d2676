/// `--on-nan`: what becomes of steps whose loss is not a number.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct SkippedStepTests {
    /// CIFAR-100 files of black images and a white one, which a tiny `--std` makes too large for Float.
    private func writeImages(_ folder: String, count: Int = 64, white: Int = 17) throws {
      func rows(_ count: Int, white: Int?) -> Data {
        var data = Data()
        for image in 0..<count {
          data += [0, UInt8(image * 37 % 100)]
          data += Data(repeating: image == white ? 255 : 0, count: 3072)
        }
        return data
      }
      try rows(count, white: white).write(to: URL(fileURLWithPath: "\(folder)/train.bin"))
      try rows(16, white: nil).write(to: URL(fileURLWithPath: "\(folder)/test.bin"))
    }

    private func flags(_ folder: TemporaryDirectory) -> [String] {
      [
        "--dataset", "cifar100", "--data-dir", folder.path, "--model", "resnet8", "-b", "16",
        "--epochs", "3", "--mean", "0,0,0", "--std", "3e-39,3e-39,3e-39",
      ]
    }

    @Test("skipped steps are told and counted, the same on any ranks and after a resume")
    func skip() throws {
      let folder = try TemporaryDirectory()
      try writeImages(folder.path)
      let flags = flags(folder) + ["--on-nan", "skip", "--checkpoint-every", "1"]
      let path = folder.file("run-1")
      for ranks in [1, 3] {
        let path = folder.file("run-\(ranks)")
        let outcome = try Job.run(
          ranks, flags + ["--keep-checkpoints", "20", "--run-dir", path])
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        let notes = outcome.standardOutput.matches(
          of: /note: step \d+ is skipped \(\d so far\): the loss is nan/)
        #expect(notes.count == 3, "one an epoch: \(outcome.standardOutput)")
      }
      let (digest, metrics) = (try Job.digest(path), try Job.metrics(path))
      #expect(try Job.digest(folder.file("run-3")) == digest)
      #expect(try Job.metrics(folder.file("run-3")) == metrics)
      #expect(metrics.compactMap { $0["skipped_steps"] } == ["1", "2", "3"])
      #expect(metrics.filter { $0["split"] == "train" }.allSatisfy { $0["images"] == "48" })
      let branch = try Job.run(2, ["--resume", "\(path)/checkpoints/step-0000005"])
      #expect(branch.exitCode == 0, "\(branch.standardError)")
      #expect(try Job.digest(path) == digest)
      #expect(try Job.metrics(path) == metrics)
    }

    @Test("an epoch whose steps are all skipped has no loss and no error, rather than 0")
    func nothingTrained() throws {
      let folder = try TemporaryDirectory()
      try writeImages(folder.path, count: 16, white: 3)
      let path = folder.file("run")
      let outcome = try Job.run(
        2, flags(folder) + ["--on-nan", "skip", "--tensorboard", "--run-dir", path])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      for epoch in 1...3 {
        let row = try Regex("\n +\(epoch)/3 +\(epoch) +[0-9.]+ +- +- +[0-9]")
        #expect(outcome.standardOutput.contains(row), "\(outcome.standardOutput)")
      }
      let lines = try String(contentsOfFile: "\(path)/metrics.jsonl", encoding: .utf8)
        .split(separator: "\n").map { try Job.object(String($0)) }
      let trained = lines.filter { $0["split"] as? String == "train" }
      #expect(trained.count == 3 && lines.count > 3)
      for line in trained {
        #expect(line["images"] as? Int == 0)
        #expect(line["loss"] is NSNull && line["top1_error"] is NSNull, "\(line)")
      }
      let report = try Job.alone(["report", path])
      #expect(report.exitCode == 0, "\(report.standardError)")
    }

    @Test("without it the run stops at the first such step")
    func stop() throws {
      let folder = try TemporaryDirectory()
      try writeImages(folder.path)
      let outcome = try Job.run(3, flags(folder) + ["--run-dir", folder.file("run")])
      expectFailure(outcome, exitCode: 1, naming: ["the loss is nan at step"])
    }

    @Test("a run that skips ten steps in a row has diverged, and ends")
    func diverged() throws {
      let folder = try TemporaryDirectory()
      let outcome = try Job.run(
        2,
        Job.small + [
          "--lr", "1e30", "--iterations", "30", "--on-nan", "skip", "--run-dir",
          folder.file("run"),
        ])
      expectFailure(outcome, exitCode: 1, naming: ["10 steps in a row", "--on-nan skip", "--lr"])
    }
  }
}
