/// Runs that are asked to stop: by a signal to any rank, or by a limit of time.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct StoppedRunTests {
    /// Trains on some ranks and sends one of them, or `mpirun`, a signal once the run is under way.
    ///
    /// - Parameter target: a rank, or nil for `mpirun`.
    private func run(
      _ ranks: Int, sending signal: String, to target: Int?, _ flags: [String], in folder: String
    ) throws -> ProcessRunner.Outcome {
      let script = """
        "$@" & job=$!
        until [ -s "$run/metrics.jsonl" ] || ! kill -0 $job; do sleep 0.05; done
        sleep 0.2
        ranks=($(cat /proc/$job/task/$job/children))
        kill -\(signal) \(target.map { "${ranks[\($0)]}" } ?? "$job")
        wait $job; code=$?
        while [ $code -gt 128 ] && kill -0 $job 2>/dev/null; do wait $job; code=$?; done
        exit $code
        """
      return try Job.script(
        script,
        ["mpirun", "-n", "\(ranks)", Job.executable] + Job.small + ["--run-dir", folder] + flags,
        run: folder)
    }

    private func expectStopped(_ outcome: ProcessRunner.Outcome, _ reason: String) {
      let lines = outcome.standardError.split(separator: "\n").filter {
        $0.contains("resnet-dist: ")
      }
      #expect(outcome.exitCode == 75 && !outcome.timedOut, "\(outcome)")
      #expect(lines.count == 1, "\(outcome.standardError)")
      #expect(lines.first?.hasPrefix("resnet-dist: stopped after step ") == true, "\(lines)")
      #expect(lines.first?.contains("(\(reason)), saved in ") == true, "\(lines)")
      #expect(lines.first?.contains("continue with --resume ") == true, "\(lines)")
    }

    private func steps(_ run: String) throws -> [Int] {
      try FileManager.default.contentsOfDirectory(atPath: "\(run)/checkpoints")
        .compactMap { Int($0.dropFirst("step-".count)) }.sorted()
    }

    @Test("a signal to any rank or to mpirun saves and stops, and the run resumes bit for bit")
    func signals() throws {
      let folder = try TemporaryDirectory()
      let whole = folder.file("whole")
      let flags = ["--iterations", "400", "--checkpoint-every", "150"]
      #expect(try Job.run(2, Job.small + flags + ["--run-dir", whole]).exitCode == 0)
      for (index, (signal, target)) in [
        ("USR1", nil), ("USR1", 2), ("TERM", 1), ("INT", 0),
      ].enumerated() {
        let path = folder.file("run-\(index)")
        let outcome = try run(3, sending: signal, to: target, flags, in: path)
        expectStopped(outcome, "SIG\(signal)")
        let step = try #require(try steps(path).last)
        #expect(step < 400)
        let resumed = try Job.run(index + 1, ["--resume", path])
        #expect(resumed.exitCode == 0, "\(resumed.standardError)")
        #expect(resumed.standardOutput.contains("after step \(step) "), "\(resumed)")
        #expect(try Job.digest(path) == Job.digest(whole))
        #expect(try Job.metrics(path) == Job.metrics(whole))
      }
    }

    @Test("a stop at an epoch's end leaves its evaluation to the resumed run")
    func atEpochEnd() throws {
      // Each step ends an epoch.
      let flags = ["--train-limit", "32", "--iterations", "60", "--keep-checkpoints", "100"]
      let folder = try TemporaryDirectory()
      let (whole, path) = (folder.file("whole"), folder.file("run"))
      #expect(try Job.run(2, Job.small + flags + ["--run-dir", whole]).exitCode == 0)
      expectStopped(try run(2, sending: "USR1", to: nil, flags, in: path), "SIGUSR1")
      let resumed = try Job.run(3, ["--resume", path])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
      #expect(try Job.digest(path) == Job.digest(whole))
      #expect(try Job.metrics(path) == Job.metrics(whole))
    }

    @Test("a second signal, a second after the first, stops at once, and what is saved stays good")
    func twice() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      // The other rank is stopped, so that the first signal cannot be obeyed.
      let script = """
        "$@" & job=$!
        until compgen -G "$run/checkpoints/step-*" || ! kill -0 $job; do sleep 0.05; done
        ranks=($(cat /proc/$job/task/$job/children))
        kill -STOP ${ranks[1]}
        kill -USR1 ${ranks[0]}; kill -USR1 ${ranks[0]}; sleep 1.05
        kill -0 ${ranks[0]} || exit 90
        kill -USR1 ${ranks[0]}
        wait $job
        """
      let outcome = try Job.script(
        script,
        ["mpirun", "-n", "2", Job.executable] + Job.small
          + ["--epochs", "100000", "--run-dir", path], run: path, timeout: 30)
      #expect(!outcome.timedOut && outcome.exitCode != 0 && outcome.exitCode != 90, "\(outcome)")
      let step = try #require(try steps(path).last)
      let resumed = try Job.run(2, ["--resume", path, "--iterations", "\(step + 2)"])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
    }

    @Test("limits of time are kept", arguments: ["--max-time", "the end of the Slurm job"])
    func limits(reason: String) throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      var environment = Job.environment
      var flags: [String] = []
      if reason == "--max-time" {
        flags = ["--max-time", "12s"]
      } else {
        environment["SLURM_JOB_END_TIME"] = "\(Int(Date().timeIntervalSince1970) + 12)"
      }
      let began = Date()
      let outcome = try ProcessRunner.run(
        "/usr/bin/env",
        ["mpirun", "-n", "2", Job.executable] + Job.small
          + ["--epochs", "100000", "--run-dir", path] + flags,
        environment: environment, timeout: 40)
      expectStopped(outcome, reason)
      let seconds = Date().timeIntervalSince(began)
      #expect(seconds > 3 && seconds < 13, "\(seconds) s")
      #expect(try !steps(path).isEmpty)
    }

    @Test("--checkpoint-minutes writes checkpoints in between")
    func minutes() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      let outcome = try Job.run(
        2,
        Job.small + [
          "--epochs", "100000", "--max-time", "12s", "--checkpoint-every", "1000000",
          "--checkpoint-minutes", "0.02", "--keep-checkpoints", "1000", "--eval-every", "1000000",
          "--run-dir", path,
        ])
      #expect(outcome.exitCode == 75, "\(outcome)")
      // One each 1.2 of at most 7 seconds, and one at the end.
      let saved = try steps(path)
      #expect((3...7).contains(saved.count), "\(saved)")
    }
  }
}
