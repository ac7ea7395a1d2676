/// Runs that begin from a checkpoint that --resume names, and are started again by the same command.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct BranchedRunTests {
    /// A finished run of 24 steps, with a checkpoint each fourth.
    private func finishedRun(_ folder: TemporaryDirectory) throws -> String {
      let path = folder.file("whole")
      let outcome = try Job.run(
        2,
        Job.small + [
          "--iterations", "24", "--checkpoint-every", "4", "--keep-checkpoints", "9", "--run-dir",
          path,
        ])
      try #require(outcome.exitCode == 0, "\(outcome.standardError)")
      return path
    }

    @Test("the command that began a branch goes on with it, even if the other run is gone")
    func branch() throws {
      let folder = try TemporaryDirectory()
      let whole = try finishedRun(folder)
      let (digest, path) = (try Job.digest(whole), folder.file("branch"))
      let command = ["--resume", "\(whole)/checkpoints/step-0000004", "--run-dir", path]
      let first = try Job.run(2, command + ["--max-time", "1s"])
      #expect(first.exitCode == 75, "\(first)")
      try FileManager.default.moveItem(atPath: whole, toPath: folder.file("moved"))
      let second = try Job.run(2, command + ["--max-time", "1h"])
      #expect(second.exitCode == 0, "\(second.standardError)")
      let from = "resumed       after step 5 from \(path)/checkpoints/step-0000005"
      #expect(second.standardOutput.contains(from), "\(second.standardOutput)")
      #expect(try Job.digest(path) == digest)
      // What branched off another checkpoint is still not taken for its branch.
      let other = ["--resume", "\(folder.file("moved"))/checkpoints/step-0000008"]
      expectFailure(
        try Job.run(2, other + ["--run-dir", path]), exitCode: 1, naming: [path, "not empty"])
    }

    @Test("a job that would begin again after the same step at each start is refused")
    func repeatedJob() throws {
      let folder = try TemporaryDirectory()
      let whole = try finishedRun(folder)
      let job = ["job", "--scheduler", "slurm", "--"]
      let checkpoint = "\(whole)/checkpoints/step-0000004"
      for flags in [[], ["--run-dir", whole]] {
        expectFailure(
          try Job.alone(job + ["--resume", checkpoint] + flags), exitCode: 2,
          naming: [checkpoint, "--run-dir", "folder"])
      }
      for flags in [
        ["--resume", checkpoint, "--run-dir", folder.file("branch")], ["--resume", whole],
      ] {
        let outcome = try Job.alone(job + flags)
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      }
    }

    @Test("launch/run restarts from the newest checkpoint, if any", arguments: [true, false])
    func restart(hasSaved: Bool) throws {
      let folder = try TemporaryDirectory()
      let launch = folder.file("launch")
      try FileManager.default.createDirectory(atPath: launch, withIntermediateDirectories: false)
      for name in ["run", "environment"] {
        try FileManager.default.copyItem(
          atPath: "\(Job.root)/launch/\(name)", toPath: "\(launch)/\(name)")
      }
      // A stand-in that saves, or does not, and is killed once.
      let scripts = [
        "launch/setup": "exit 0",
        "program": """
        echo "$@" >>calls
        \(hasSaved ? "mkdir -p 'a run/checkpoints/step-0000005'" : "true")
        [ "$(wc -l <calls)" -gt 1 ] || kill -KILL $$
        """,
      ]
      for (name, text) in scripts {
        try "#!/usr/bin/env bash\n\(text)\n".write(
          toFile: folder.file(name), atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes(
          [.posixPermissions: 0o755], ofItemAtPath: folder.file(name))
      }
      for flags in [["--resume", "x/step-0000004"], ["--resume=x/step-0000004"]] {
        var environment = Job.environment
        environment["RESNET_DIST_EXECUTABLE"] = folder.file("program")
        let outcome = try ProcessRunner.run(
          "\(launch)/run", ["-n", "1", "--restarts", "1", "--"] + flags + ["--run-dir", "a run"],
          environment: environment, directory: folder.path, timeout: 60)
        #expect(outcome.exitCode == 0 && !outcome.timedOut, "\(outcome)")
        let calls = try String(contentsOfFile: folder.file("calls"), encoding: .utf8)
        let given = flags.joined(separator: " ")
        let again = hasSaved ? given.replacing("x/step-0000004", with: "auto") : given
        #expect(calls == "\(given) --run-dir a run\n\(again) --run-dir a run\n")
        try FileManager.default.removeItem(atPath: folder.file("calls"))
      }
    }
  }
}
