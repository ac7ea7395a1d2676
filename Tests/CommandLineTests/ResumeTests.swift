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

    private static func newestStep(_ folder: String) throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "\(folder)/checkpoints")
        .compactMap { Int($0.dropFirst("step-".count)) }.max() ?? 0
    }

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

    @Test("a run in a relative folder keeps the checkpoint that --resume names")
    func relativePaths() throws {
      let folder = try TemporaryDirectory()
      let first = try Job.run(
        2, Self.arguments + ["--run-dir", "runs/a", "--keep-checkpoints", "3"], in: folder.path)
      #expect(first.exitCode == 0, "\(first.standardError)")
      let digest = try Job.digest(folder.file("runs/a"))
      try FileManager.default.copyItem(
        atPath: folder.file("runs/a"), toPath: folder.file("runs/b"))
      // Named as its own --run-dir, the run goes on in place; what is named is kept beside the newest.
      let second = try Job.run(
        2,
        [
          "--resume", "runs/b/checkpoints/step-0000010", "--run-dir", "./runs/b",
          "--keep-checkpoints", "1",
        ], in: folder.path)
      #expect(second.exitCode == 0, "\(second.standardError)")
      #expect(second.standardOutput.contains("everything is in runs/b\n"), "\(second)")
      #expect(try Job.digest(folder.file("runs/b")) == digest)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder.file("runs/b/checkpoints"))
          .sorted() == ["step-0000010", "step-0000030"])
      let inside = folder.file("runs/a/checkpoints")
      for (path, directory) in [("step-0000020", inside), (".", "\(inside)/step-0000020")] {
        let third = try Job.alone(["--resume", path], in: directory)
        #expect(third.exitCode == 0, "\(third.standardError)")
      }
      #expect(try Job.digest(folder.file("runs/a")) == digest)
    }

    @Test("in place, a run is not resumed with settings that its later checkpoints do not have")
    func otherSettingsInPlace() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      let first = try Job.run(2, Self.arguments + ["--run-dir", path])
      #expect(first.exitCode == 0, "\(first.standardError)")
      let log = try String(contentsOfFile: "\(path)/metrics.jsonl", encoding: .utf8)
      let config = try String(contentsOfFile: "\(path)/config.yaml", encoding: .utf8)
      let resumed = ["--resume", "\(path)/checkpoints/step-0000010", "--lr", "0.05"]
      expectFailure(
        try Job.run(2, resumed), exitCode: 1, naming: ["step-0000020", "--lr", "--run-dir"])
      #expect(try String(contentsOfFile: "\(path)/metrics.jsonl", encoding: .utf8) == log)
      #expect(try String(contentsOfFile: "\(path)/config.yaml", encoding: .utf8) == config)
      let branch = try Job.run(2, resumed + ["--run-dir", folder.file("branch")])
      #expect(branch.exitCode == 0, "\(branch.standardError)")
    }

    @Test("after mpirun is killed its ranks end too, and the run goes on where it stood")
    func killedLauncher() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      let whole = folder.file("whole")
      let first = try Job.run(1, Self.arguments + ["--iterations", "200", "--run-dir", whole])
      #expect(first.exitCode == 0, "\(first.standardError)")
      // Until the ranks have noticed, their run folder is locked.
      let script = """
        mpirun -n 4 "$@" >/dev/null 2>&1 & job=$!
        for i in $(seq 600); do
          if ls "$RUN"/checkpoints/step-* >/dev/null 2>&1; then break; fi; sleep 0.05
        done
        kill -KILL $job; wait $job
        for i in $(seq 100); do
          if flock --nonblock "$RUN/lock" true; then exit 0; fi; sleep 0.1
        done
        exit 3
        """
      let outcome = try ProcessRunner.run(
        "/bin/bash",
        ["-c", script, "job", Job.executable] + Self.arguments
          + ["--iterations", "200", "--run-dir", path],
        environment: Job.environment.merging(["RUN": path]) { $1 }, timeout: 60)
      #expect(outcome.exitCode == 0, "the ranks still hold the run folder after ten seconds")
      #expect(try Self.newestStep(path) < 200, "the run was over before it was killed")
      let second = try Job.run(2, ["--resume", path])
      #expect(second.exitCode == 0, "\(second.standardError)")
      #expect(try Job.digest(path) == Job.digest(whole))
      #expect(try Job.metrics(path) == Job.metrics(whole))
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
