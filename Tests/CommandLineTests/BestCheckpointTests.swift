/// `RUN/best`: the checkpoint of the best evaluation, also where a resumed run has made that evaluation.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct BestCheckpointTests {
    /// The step that a run says its best evaluation is of, which `RUN/best` must lead to.
    private func bestStep(_ run: String) throws -> Int {
      let result = try Job.object(String(contentsOfFile: "\(run)/result.json", encoding: .utf8))
      let step = try #require(result["best_step"] as? Int)
      let outcome = try Job.alone(["inspect", "\(run)/best", "--json"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(try Job.object(outcome.standardOutput)["step"] as? Int == step, "\(outcome)")
      return step
    }

    @Test("the evaluation that a stop left to the resumed run can be the best, also in a branch")
    func pending() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      // One epoch, whose evaluation is the only one.
      let flags = ["--train-limit", "64", "--iterations", "2", "--run-dir", path]
      let first = try Job.run(2, Job.small + flags + ["--resume", "auto", "--max-time", "1s"])
      #expect(first.exitCode == 75, "\(first)")
      let second = try Job.run(2, ["--resume", path, "--max-time", "1s"])
      #expect(second.exitCode == 75, "\(second)")
      let checkpoint = "\(path)/checkpoints/step-0000002"
      let branch = folder.file("branch")
      for flags in [["--resume", path], ["--resume", checkpoint, "--run-dir", branch]] {
        let outcome = try Job.run(2, flags + ["--max-time", "1h"])
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      }
      #expect(try bestStep(path) == 2)
      #expect(try bestStep(branch) == 2)
      #expect(try Job.metrics(branch).last == Job.metrics(path).last)
      // Once more, from the checkpoint that the evaluation was left out of.
      #expect(try Job.run(1, ["--resume", path, "--max-time", "1h"]).exitCode == 0)
      #expect(try bestStep(path) == 2)
    }

    @Test("a best checkpoint that is missing is an error, not another checkpoint")
    func missing() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      let trained = try Job.alone(
        Job.small + [
          "--iterations", "16", "--checkpoint-every", "8", "--keep-checkpoints", "3", "--run-dir",
          path,
        ])
      try #require(trained.exitCode == 0, "\(trained.standardError)")
      let step = try bestStep(path)
      let name = step < 10 ? "step-000000\(step)" : "step-00000\(step)"
      let checkpoint = "\(path)/checkpoints/\(name)"
      // The newest one says itself that it, or the missing one, is the best.
      try FileManager.default.moveItem(atPath: checkpoint, toPath: folder.file("moved"))
      try FileManager.default.copyItem(
        atPath: folder.file("moved"), toPath: "\(path)/checkpoints/step-0000099")
      for command in [["inspect"], ["eval", "--weights"]] {
        expectFailure(
          try Job.alone(command + ["\(path)/best"]), exitCode: 1,
          naming: ["\(path)/best.json", checkpoint])
      }
      #expect(try Job.alone(["inspect", path]).exitCode == 0)
    }

    @Test("a run that was made longer and stopped in its last step keeps its best checkpoint")
    func longer() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      let first = try Job.run(
        2,
        Job.small + [
          "--iterations", "12", "--keep-checkpoints", "1", "--lr-milestones", "none", "--run-dir",
          path,
        ])
      #expect(first.exitCode == 0, "\(first.standardError)")
      _ = try bestStep(path)
      let stopped = try Job.run(2, ["--resume", path, "--iterations", "13", "--max-time", "1s"])
      #expect(stopped.exitCode == 75, "\(stopped)")
      let finished = try Job.run(2, ["--resume", path, "--max-time", "1h"])
      #expect(finished.exitCode == 0, "\(finished.standardError)")
      _ = try bestStep(path)
    }
  }
}
