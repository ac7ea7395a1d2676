/// What can be seen of a run from outside: its status, logs, Prometheus's file, and `top`.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct MonitoringTests {
    private func status(_ run: String) throws -> [String: Any] {
      try Job.object(String(contentsOfFile: "\(run)/status.json", encoding: .utf8))
    }

    private func log(_ run: String, rank: Int) throws -> [[String: Any]] {
      let path = "\(run)/logs/rank-000\(rank).jsonl"
      return try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
        try Job.object(String($0))
      }
    }

    private func messages(_ run: String, rank: Int) throws -> [String] {
      try log(run, rank: rank).map { $0["message"] as? String ?? "" }
    }

    private func top(_ arguments: [String]) throws -> ProcessRunner.Outcome {
      try Job.alone(["top", "--once"] + arguments)
    }

    @Test("a finished run's status, logs and Prometheus file say what its other files say")
    func finished() throws {
      let folder = try TemporaryDirectory()
      let (run, prometheus) = (folder.file("run"), folder.file("run.prom"))
      let outcome = try Job.run(
        2,
        Job.small + [
          "--run-dir", run, "--iterations", "16", "--prometheus-file", prometheus,
        ])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let status = try status(run)
      let result = try Job.object(String(contentsOfFile: "\(run)/result.json", encoding: .utf8))
      let last = try #require(try Job.metrics(run).last)
      #expect(status["state"] as? String == "finished")
      #expect(status["step"] as? Int == 16 && status["steps"] as? Int == 16)
      #expect(status["ranks"] as? Int == 2 && status["images"] as? Int == 16 * 32)
      #expect(status["checkpoint_step"] as? Int == 16)
      #expect("\(status["evaluation_top1_error"]!)" == last["top1_error"])
      #expect("\(status["learning_rate"]!)" == last["lr"])

      for rank in 0..<2 {
        let log = try log(run, rank: rank)
        for line in log {
          #expect(line["rank"] as? Int == rank && line["level"] as? String == "info")
          #expect(Set(line.keys) == ["time", "rank", "host", "level", "message", "fields"])
        }
        let fields = try #require(log[0]["fields"] as? [String: Any])
        #expect(log[0]["message"] as? String == "started" && fields["ranks"] as? Int == 2)
        #expect((fields["program"] as? String)?.hasPrefix("resnet-dist ") == true)
        let end = try #require(log.last?["fields"] as? [String: Any])
        #expect(
          end["parameters_sha256"] as? String == result["parameters_sha256"] as? String)
      }
      #expect(try messages(run, rank: 1) == ["started", "finished"])
      #expect(try messages(run, rank: 0).count { $0 == "epoch finished" } == 2)
      // One voice: what is logged is not printed.
      #expect(!outcome.standardOutput.contains("\"message\""))

      let text = try String(contentsOfFile: prometheus, encoding: .utf8)
      for line in [
        "resnet_dist_run_state{run=\"run\",state=\"finished\"} 1",
        "resnet_dist_run_state{run=\"run\",state=\"training\"} 0",
        "resnet_dist_steps_total{run=\"run\"} 16", "resnet_dist_images_total{run=\"run\"} 512",
      ] { #expect(text.contains(line + "\n"), "no \(line) in:\n\(text)") }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 2)

      let shown = try top([run])
      #expect(shown.exitCode == 0)
      #expect(
        shown.standardOutput.hasPrefix("\(run): finished, epoch 2/2, step 16/16, loss "),
        "\(shown.standardOutput)")
      // Without a terminal it follows until all runs have ended.
      let followed = try Job.alone(["top", run])
      #expect(followed.exitCode == 0 && followed.standardOutput == shown.standardOutput)
    }

    @Test("a killed run is told apart from one that goes on and from one that was stopped")
    func killed() throws {
      let folder = try TemporaryDirectory()
      let run = folder.file("run")
      let script = """
        "$program" "$@" & job=$!
        until grep -q "process_id.:$job,.*state.:.training" "$run/status.json" 2>/dev/null ||
          ! kill -0 $job; do sleep 0.05; done
        "$program" top --once "$run"
        kill -$signal $job; wait $job
        "$program" top --once "$run"
        """
      func lines(signal: String) throws -> [Substring] {
        let outcome = try ProcessRunner.run(
          "bash",
          ["-c", script, "bash"] + Job.small + [
            "--iterations", "100000", "--run-dir", run, "--resume", "auto",
            // A killed run that has a checkpoint would be resumed.
            "--checkpoint-every", "100000",
          ],
          environment: Job.environment.merging([
            "program": Job.executable, "run": run, "signal": signal,
          ]) { $1 })
        return outcome.standardOutput.split(separator: "\n").filter { $0.hasPrefix(run) }
      }
      let killed = try lines(signal: "KILL")
      #expect(killed.count == 2, "\(killed)")
      #expect(!killed[0].contains("DIED") && killed[1].contains("DIED without a word"), "\(killed)")
      let stopped = try lines(signal: "USR1")
      #expect(stopped[1].contains(": stopped, to be resumed"), "\(stopped)")
      #expect(stopped[1].contains("continue with --resume \(run)"), "\(stopped)")
      #expect(try status(run)["state"] as? String == "stopped")
      let log = try log(run, rank: 0)
      #expect(log.last?["level"] as? String == "notice")
      #expect((log.last?["fields"] as? [String: Any])?["exit_code"] as? Int == 75)
      // A resumed run appends to the log.
      _ = try lines(signal: "USR1")
      #expect(try messages(run, rank: 0).count { $0 == "started" } == 2)
    }

    @Test("a run that fails says why, in its status and in every rank's log")
    func failed() throws {
      let folder = try TemporaryDirectory()
      let run = folder.file("run")
      let outcome = try Job.run(
        2, Job.small + ["--run-dir", run, "--lr", "1e30", "--iterations", "50"])
      #expect(outcome.exitCode == 1, "\(outcome.standardOutput)")
      let message = try #require(try status(run)["message"] as? String)
      #expect(try status(run)["state"] as? String == "failed")
      #expect(outcome.standardError.contains(message))
      for rank in 0..<2 {
        let end = try #require(try log(run, rank: rank).last)
        #expect(end["level"] as? String == "error" && end["message"] as? String == message)
      }
      #expect(try top([run]).standardOutput.contains(": FAILED, "))
    }

    @Test("a Prometheus file that cannot be written is an error before training")
    func prometheus() throws {
      let folder = try TemporaryDirectory()
      expectFailure(
        try Job.run(
          2, Job.small + ["--run-dir", folder.file("run"), "--prometheus-file", "/none/run.prom"]),
        exitCode: 2, naming: ["--prometheus-file /none/run.prom", "No such file"])
    }

    @Test("top refuses what is no run, and intervals that make no sense")
    func refused() throws {
      let folder = try TemporaryDirectory()
      expectFailure(try top([folder.path]), exitCode: 1, naming: ["not the folder of a run"])
      expectFailure(try top(["/none"]), exitCode: 1, naming: ["there is no folder /none"])
      expectFailure(try Job.alone(["top"]), exitCode: 2, naming: ["folders"])
      expectFailure(
        try Job.alone(["top", "--interval", "0", "/none"]), exitCode: 2, naming: ["--interval"])
    }

    @Test("on a terminal top draws a page, ends with q and leaves the terminal as it was")
    func terminal() throws {
      let folder = try TemporaryDirectory()
      let run = folder.file("run")
      #expect(try Job.alone(Job.small + ["--iterations", "8", "--run-dir", run]).exitCode == 0)
      for key in ["q", "\u{3}"] {
        let outcome = try ProcessRunner.run(
          "bash",
          [
            "-c",
            """
            (sleep 1.5; printf "$key") |
              TERM=xterm script -qec "stty -a | grep -o '.echo ' ; '$program' top --interval 0.3 '$run'; \
            echo code=$?; stty -a | grep -o '.icanon'" /dev/null
            """,
          ],
          environment: ["program": Job.executable, "run": run, "key": key], timeout: 20)
        #expect(!outcome.timedOut, "\(outcome.standardOutput)")
        let output = outcome.standardOutput
        let parts = output.components(separatedBy: "\u{1B}[?1049")
        #expect(parts.count == 3 && parts[1].hasPrefix("h"), "\(output)")
        #expect(parts[1].components(separatedBy: "\u{1B}[H").count > 2, "drawn once:\n\(output)")
        #expect(parts[1].contains("finished") && parts[1].contains("q ends"), "\(output)")
        #expect(parts[2].contains("code=0") && parts[2].contains(" icanon"), "\(output)")
      }
    }
  }
}
