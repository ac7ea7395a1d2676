/// Stopped runs go on as if they had not been stopped.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct ResumeTests {
    private static let arguments =
      Job.small + [
        "--iterations", "30", "--checkpoint-every", "10", "--keep-checkpoints", "10",
        "--lr-milestones", "15",
      ]

    @Test("a run resumed in mid-epoch on other ranks ends with the same parameters and metrics")
    func otherRanks() throws {
      let folder = try TemporaryDirectory()
      let whole = folder.file("whole")
      let first = try Job.run(2, Self.arguments + ["--run-dir", whole])
      #expect(first.exitCode == 0, "\(first.standardError)")
      // A branch from step 10, which lies inside the second epoch of 256 images.
      let branch = folder.file("branch")
      let second = try Job.run(
        4, ["--resume", "\(whole)/checkpoints/step-0000010", "--run-dir", branch])
      #expect(second.exitCode == 0, "\(second.standardError)")
      #expect(try Job.digest(branch) == Job.digest(whole))
      let later = try Job.metrics(whole).filter { (Int($0["step"] ?? "") ?? 0) > 10 }
      #expect(!later.isEmpty)
      #expect(try Job.metrics(branch) == later)
      // In place: the lines and checkpoints after step 20 are made again, and are the same.
      let before = try Job.metrics(whole)
      let third = try Job.run(1, ["--resume", "\(whole)/checkpoints/step-0000020"])
      #expect(third.exitCode == 0, "\(third.standardError)")
      #expect(try Job.metrics(whole) == before)
      #expect(try Job.digest(branch) == Job.digest(whole))
    }

    @Test("a killed run goes on from its newest checkpoint to the same end")
    func killed() throws {
      let folder = try TemporaryDirectory()
      let whole = folder.file("whole")
      let killed = folder.file("killed")
      let first = try Job.run(2, Self.arguments + ["--run-dir", whole])
      #expect(first.exitCode == 0, "\(first.standardError)")
      // Kill it with SIGKILL as soon as it has a checkpoint.
      let script = """
        "$@" & job=$!
        for i in $(seq 600); do
          if ls "$RUN"/checkpoints/step-* >/dev/null 2>&1; then break; fi; sleep 0.05
        done
        kill -KILL $job; wait $job
        """
      let outcome = try ProcessRunner.run(
        "/bin/bash",
        ["-c", script, "job", Job.executable] + Self.arguments + ["--run-dir", killed],
        environment: ["RUN": killed, "OPENBLAS_NUM_THREADS": "1"], timeout: 60)
      #expect(!outcome.timedOut)
      let second = try Job.run(2, ["--resume", killed])
      #expect(second.exitCode == 0, "\(second.standardError)")
      #expect(try Job.digest(killed) == Job.digest(whole))
      #expect(try Job.metrics(killed) == Job.metrics(whole))
      let names = try FileManager.default.contentsOfDirectory(atPath: "\(killed)/checkpoints")
      #expect(names.allSatisfy { $0.hasPrefix("step-") }, "\(names)")
    }

    @Test("a finished run is evaluated again and nothing else")
    func finished() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      #expect(
        try Job.run(2, Job.small + ["--iterations", "8", "--run-dir", path]).exitCode == 0)
      let digest = try Job.digest(path)
      let again = try Job.run(2, ["--resume", path])
      #expect(again.exitCode == 0, "\(again.standardError)")
      #expect(again.standardOutput.contains(digest))
      #expect(try Job.digest(path) == digest)
    }

    @Test("a run continued with more epochs goes on from its end")
    func longer() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      let arguments = Job.small + ["--lr-milestones", "none", "--run-dir"]
      #expect(try Job.run(2, arguments + [path, "--epochs", "1"]).exitCode == 0)
      let more = try Job.run(2, ["--resume", path, "--epochs", "2"])
      #expect(more.exitCode == 0, "\(more.standardError)")
      let whole = folder.file("whole")
      #expect(try Job.run(1, arguments + [whole, "--epochs", "2"]).exitCode == 0)
      #expect(try Job.digest(path) == Job.digest(whole))
    }
  }
}
