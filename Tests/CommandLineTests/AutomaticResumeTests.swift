/// The same command begins a run and resumes it, and a resumed run says what it changes.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct AutomaticResumeTests {
    @Test("--resume auto begins, resumes and finishes a run by one command")
    func automatic() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      let command = Job.small + ["--run-dir", path, "--resume", "auto", "--iterations", "24"]
      let first = try Job.run(2, command)
      #expect(first.exitCode == 0, "\(first.standardError)")
      #expect(!first.standardOutput.contains("resumed"), "\(first)")
      let (digest, metrics) = (try Job.digest(path), try Job.metrics(path))
      try FileManager.default.removeItem(atPath: "\(path)/checkpoints/step-0000024")
      let second = try Job.run(3, command)
      #expect(second.standardOutput.contains("resumed       after step 16 "), "\(second)")
      #expect(try Job.digest(path) == digest)
      #expect(try Job.metrics(path) == metrics)
      // Once more changes nothing.
      let third = try Job.run(1, command)
      #expect(third.exitCode == 0 && third.standardOutput.contains("finished"), "\(third)")
      #expect(try Job.digest(path) == digest)
      #expect(try Job.metrics(path) == metrics)
      expectFailure(
        try Job.run(2, Job.small + ["--resume", "auto"]), exitCode: 2, naming: ["--run-dir"])
      // What is not ours is not taken for a run to begin.
      let foreign = folder.file("foreign")
      try FileManager.default.createDirectory(atPath: foreign, withIntermediateDirectories: true)
      try "x".write(toFile: "\(foreign)/thesis.tex", atomically: true, encoding: .utf8)
      expectFailure(
        try Job.run(2, Job.small + ["--run-dir", foreign, "--resume", "auto"]), exitCode: 1,
        naming: [foreign, "not empty"])
    }

    @Test("--resume auto begins with given weights, and resumes with its own")
    func weights() throws {
      let folder = try TemporaryDirectory()
      let source = folder.file("source")
      #expect(try Job.alone(Job.small + ["--iterations", "8", "--run-dir", source]).exitCode == 0)
      let path = folder.file("run")
      let command =
        Job.small + [
          "--weights", source, "--run-dir", path, "--resume", "auto", "--iterations", "16",
          "--lr-milestones", "none",
        ]
      let first = try Job.run(2, command)
      #expect(first.exitCode == 0, "\(first.standardError)")
      let digest = try Job.digest(path)
      try FileManager.default.removeItem(atPath: "\(path)/checkpoints/step-0000016")
      let second = try Job.run(2, command)
      #expect(second.exitCode == 0, "\(second.standardError)")
      #expect(second.standardOutput.contains("resumed       after step 8 "), "\(second)")
      #expect(!second.standardOutput.contains(source), "\(second)")
      #expect(try Job.digest(path) == digest)
    }

    @Test("a run that was killed before its first checkpoint begins again by any command")
    func unstarted() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      let flags = ["--iterations", "24", "--checkpoint-every", "24", "--lr", "0.07"]
      // A file of its own in the folder does not make it another's.
      let command =
        Job.small + flags + ["--run-dir", path, "--prometheus-file", "\(path)/x.prom"]
      let script = """
        "$@" & job=$!
        until [ -s "$run/metrics.jsonl" ] || ! kill -0 $job; do sleep 0.02; done
        kill -KILL $job; wait $job
        """
      var environment = Job.environment
      environment["run"] = path
      func kill() throws {
        _ = try ProcessRunner.run(
          "/usr/bin/env",
          ["bash", "-c", script, "bash", Job.executable] + command
            + ["--iterations", "100000", "--checkpoint-every", "100000"],
          environment: environment, timeout: 30)
        #expect(
          try FileManager.default.contentsOfDirectory(atPath: "\(path)/checkpoints").isEmpty)
      }
      let whole = folder.file("whole")
      #expect(try Job.run(2, Job.small + flags + ["--run-dir", whole]).exitCode == 0)
      for again in [
        command, command + ["--resume", "auto"],
        ["--resume", path, "--iterations", "24", "--checkpoint-every", "24"],
      ] {
        try kill()
        let outcome = try Job.run(2, again)
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        #expect(try Job.digest(path) == Job.digest(whole))
        #expect(try Job.metrics(path) == Job.metrics(whole))
        try FileManager.default.removeItem(atPath: path)
      }
    }

    @Test("a resumed run says what it changes, or that it is finished")
    func changes() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      #expect(try Job.alone(Job.small + ["--epochs", "2", "--run-dir", path]).exitCode == 0)
      func notes(_ flags: [String]) throws -> [String] {
        let outcome = try Job.run(2, ["--resume", path] + flags)
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        return outcome.standardOutput.split(separator: "\n").map(String.init)
          .filter { $0.hasPrefix("note: ") && !$0.contains("updates") }
      }
      let finished = try notes([])
      #expect(finished.count == 1, "\(finished)")
      let text = finished.joined()
      #expect(text.contains("finished (step 16 of 16)") && text.contains("--epochs"), "\(text)")
      let changed = try notes(["--epochs", "3", "--lr", "0.01"])
      let expected = [
        "note: from step 17 on: epochs 2 → 3, lr 0.1 → 0.01",
        "note: the schedule was lr 0.1, × 0.1 after iterations 10 and 14 and is lr 0.01, × 0.1 after "
          + "iterations 14 and 20",
      ]
      #expect(changed == expected)
      let longer = try notes(["--epochs", "4"])
      #expect(longer.contains("note: from step 25 on: epochs 3 → 4"), "\(longer)")
      // What has been trained with another rate is not this run.
      let config = try String(contentsOfFile: "\(path)/config.yaml", encoding: .utf8)
      expectFailure(
        try Job.run(2, ["--resume", path, "--lr", "0.02"]), exitCode: 1,
        naming: ["is finished", "--lr 0.01", "--run-dir"])
      #expect(try String(contentsOfFile: "\(path)/config.yaml", encoding: .utf8) == config)
      #expect(FileManager.default.fileExists(atPath: "\(path)/result.json"))
    }
  }
}
