/// What limits of time and signals mean outside of the steps: between the runs of a sweep, before an evaluation,
/// while features are computed, and before MPI has started.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct TimeLimitTests {
    /// A network whose evaluation takes a minute.
    private static let slow = [
      "--dataset", "synthetic", "--model", "resnet1202", "--batch-size", "16",
    ]

    @Test("a sweep's limit counts from its start, and the same command continues it")
    func sweep() throws {
      let folder = try TemporaryDirectory()
      let file = folder.file("seeds.yaml")
      try """
      base: {dataset: synthetic, model: resnet8, train-limit: 64, test-limit: 32, batch-size: 32, epochs: 2,
        max-time: 9s}
      seeds: \(Array(1...200))

      """.write(toFile: file, atomically: true, encoding: .utf8)
      let command = ["sweep", file, "--run-dir", folder.file("runs")]
      var finished = 0
      for _ in 0..<2 {
        // All runs take minutes.
        let outcome = try Job.run(2, command)
        #expect(outcome.exitCode == 75, "\(outcome)")
        #expect(
          outcome.standardError.contains("resnet-dist: stopped ")
            && outcome.standardError.contains(" (--max-time)"), "\(outcome.standardError)")
        let results = try FileManager.default.contentsOfDirectory(atPath: folder.file("runs"))
          .filter { FileManager.default.fileExists(atPath: folder.file("runs/\($0)/result.json")) }
        #expect(results.count > finished, "\(results)")
        finished = results.count
      }
    }

    @Test("a run without time for its first evaluation saves and leaves it to the resumed run")
    func firstEvaluation() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      // An epoch of two steps, and an evaluation of as many images as 254 of them.
      let outcome = try Job.run(
        2,
        Self.slow + [
          "--validation-split", "4064", "--max-time", "14s",
          "--run-dir", path,
        ])
      #expect(outcome.exitCode == 75, "\(outcome)")
      #expect(
        outcome.standardError.contains("stopped after step 2 of ")
          && outcome.standardError.contains("(--max-time), saved in "), "\(outcome.standardError)")
      let state = try Job.object(
        String(
          contentsOfFile: "\(path)/checkpoints/step-0000002/checkpoint.json", encoding: .utf8))
      let progress = state["state"] as? [String: Any]
      #expect(progress?["evaluation_pending"] as? Bool == true)
      #expect(try !Job.metrics(path).contains { $0["split"] == "validation" })
    }

    @Test("the computation of features ends in time, and the same command begins again")
    func features() throws {
      let folder = try TemporaryDirectory()
      let (start, path) = (folder.file("start"), folder.file("run"))
      #expect(
        try Job.run(
          2, Self.slow + ["--iterations", "1", "--test-limit", "32", "--run-dir", start]
        ).exitCode == 0)
      let trace = folder.file("trace.json")
      let command =
        Self.slow + [
          "--weights", start, "--transfer", "head", "--crop-padding", "0", "--no-flip",
          "--cache-features", "on", "--max-time", "6s", "--run-dir", path, "--timeline", trace,
        ]
      for _ in 0..<2 {
        // The features of all images take minutes.
        let outcome = try Job.run(2, command)
        #expect(outcome.exitCode == 75, "\(outcome)")
        #expect(
          outcome.standardError.contains("stopped while features were computed (--max-time)"),
          "\(outcome.standardError)")
        let status = try Job.object(
          String(contentsOfFile: "\(path)/status.json", encoding: .utf8))
        #expect(status["state"] as? String == "stopped")
      }
      #expect(try String(contentsOfFile: trace, encoding: .utf8).contains("evaluating, batch 1"))
    }

    @Test("a signal that comes before MPI has started is obeyed after the first step")
    func early() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      // MPI's start waits for the second rank.
      let script = """
        mpirun -n 1 "$@" : -n 1 bash -c 'sleep 8; exec "$@"' bash "$@" & job=$!
        sleep 4
        ranks=($(cat /proc/$job/task/$job/children))
        kill -USR1 ${ranks[0]}
        wait $job
        """
      let outcome = try Job.script(
        script, [Job.executable] + Job.small + ["--epochs", "100000", "--run-dir", path], run: path)
      #expect(outcome.exitCode == 75 && !outcome.timedOut, "\(outcome)")
      #expect(
        outcome.standardError.contains("stopped after step 1 of "), "\(outcome.standardError)")
      #expect(outcome.standardError.contains("(SIGUSR1)"), "\(outcome.standardError)")
    }
  }
}
