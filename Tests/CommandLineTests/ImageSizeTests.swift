/// Runs whose images change their size: growing in training, other in tests.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct ImageSizeTests {
    private static let images = "\(Job.root)/Tests/CommandLineTests/Fixtures/evaluation/images"
    private static let arguments = [
      "--model", "resnet8", "--dataset", "image-folder", "--data-dir", images, "--val-dir", images,
      "--batch-size", "8", "--iterations", "12", "--lr", "0.01",
    ]

    private func train(
      _ ranks: Int, _ flags: [String], to run: String
    ) throws -> ProcessRunner.Outcome {
      let outcome = try Job.run(ranks, Self.arguments + flags + ["--run-dir", run])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      return outcome
    }

    @Test("growing images give the same bits on any ranks and over a resume between sizes")
    func growing() throws {
      let folder = try TemporaryDirectory()
      let flags = [
        "--image-size-schedule", "24,32@25%,48@8", "--val-crop-size", "40", "--ema-decay", "0.9",
        "--checkpoint-every", "2", "--keep-checkpoints", "9",
      ]
      var digests: [String] = []
      for ranks in [1, 2, 3] {
        let run = folder.file("ranks-\(ranks)")
        let outcome = try train(ranks, flags, to: run)
        #expect(outcome.standardOutput.contains("24×24, 32×32 after 3 iterations, 48×48 after 8"))
        #expect(outcome.standardOutput.contains("centre of 40×40"))
        digests.append(try Job.digest(run))
      }
      for step in [2, 6, 8] {
        let run = folder.file("resumed-\(step)")
        let outcome = try Job.run(
          2,
          [
            "--resume", folder.file("ranks-1/checkpoints/step-000000\(step)"), "--run-dir", run,
          ])
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        digests.append(try Job.digest(run))
      }
      #expect(Set(digests).count == 1, "\(digests)")
      // What evaluated the epochs evaluates the run.
      let eval = try Job.alone(["eval", "--weights", folder.file("ranks-2"), "--json"])
      let loss = try #require(Job.object(eval.standardOutput)["loss"] as? Double)
      let last = try Job.metrics(folder.file("ranks-2")).last { $0["split"] == "test" }?["loss"]
      #expect(abs(loss - (Double(last ?? "") ?? 0)) < 1e-9)
    }

    @Test("a schedule that never leaves its first size is a run of that size")
    func first() throws {
      let folder = try TemporaryDirectory()
      let (scheduled, plain) = (folder.file("scheduled"), folder.file("plain"))
      let tests = ["--val-resize-size", "40", "--val-crop-size", "36"]
      _ = try train(2, ["--image-size-schedule", "32,48@100%"] + tests, to: scheduled)
      _ = try train(1, ["--image-size", "32"] + tests, to: plain)
      #expect(try Job.digest(scheduled) == Job.digest(plain))
      func losses(_ run: String) throws -> [String?] { try Job.metrics(run).map { $0["loss"] } }
      #expect(try losses(scheduled) == losses(plain))
    }

    @Test("sizes that do not fit are one clear error")
    func refused() throws {
      let folder = try TemporaryDirectory()
      for (flags, words) in [
        (
          ["--image-size-schedule", "32,48@50%", "--image-size", "64"],
          ["48", "end it with 64", "schedule none"]
        ),
        (["--image-size-schedule", "32,48@50%,64@3"], ["64 pixels begin before"]),
        (["--image-size-schedule", "48,32@50%"], ["--image-size-schedule", "that grow"]),
        (["--image-size", "32", "--val-crop-size", "40", "--mean", "per-pixel"], ["per-pixel"]),
        (
          ["--image-size-schedule", "24,32@50%", "--train-crop", "pad"], ["--train-crop pad"]
        ),
      ] {
        let run = folder.file("run")
        expectFailure(
          try Job.run(2, Self.arguments + flags + ["--run-dir", run]), exitCode: 2, naming: words)
        #expect(!FileManager.default.fileExists(atPath: run))
      }
    }
  }
}
