/// Ranks that are stopped or killed in the middle of a run.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct StalledRunTests {
    /// Trains on three ranks and sends the last one a signal once the run is under way.
    private func run(
      sending signal: String, _ flags: [String], in folder: String
    ) throws -> ProcessRunner.Outcome {
      let script = """
        "$@" & job=$!
        until [ -s "$run/metrics.jsonl" ] || ! kill -0 $job; do sleep 0.1; done
        ranks=($(cat /proc/$job/task/$job/children))
        kill -\(signal) ${ranks[-1]}
        wait $job
        """
      let job =
        ["mpirun", "-n", "3", Job.executable] + Job.small
        + ["--epochs", "100000", "--run-dir", folder] + flags
      return try Job.script(script, job, run: folder)
    }

    @Test("a stopped rank ends the job within the stall timeout, and all ranks' places are told")
    func stopped() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      // Without checkpoints, so that the others are stopped by an exchange of training.
      let outcome = try run(
        sending: "STOP",
        ["--stall-timeout", "2", "--checkpoint-every", "1000000", "--eval-every", "1000000"],
        in: path)
      expectFailure(
        outcome, exitCode: 76,
        naming: [
          "no progress", "--stall-timeout", "--resume", "ranks 0, 1 wait for rank 2",
          "stopped by a signal",
        ])
      let lines = outcome.standardError.split(separator: "\n").filter { $0.hasPrefix("  rank ") }
      #expect(lines.count == 3, "\(outcome.standardError)")
      #expect(lines.allSatisfy { $0.contains(": step ") })
      #expect(lines.prefix(2).allSatisfy { $0.contains("waits for") }, "\(lines)")
      #expect(lines.last?.contains("waits for") == false, "\(lines)")
    }

    @Test("a killed rank ends the job at once, and the run can be resumed")
    func killed() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      let outcome = try run(sending: "KILL", ["--checkpoint-every", "1"], in: path)
      #expect(!outcome.timedOut && outcome.exitCode != 0, "\(outcome.standardError)")
      let checkpoints = try FileManager.default.contentsOfDirectory(atPath: "\(path)/checkpoints")
        .filter { $0.hasPrefix("step-") }.sorted()
      let step = try #require(checkpoints.last.flatMap { Int($0.dropFirst("step-".count)) })
      let resumed = try Job.run(2, ["--resume", path, "--iterations", "\(step + 3)"])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
    }
  }
}
