/// `resnet-dist bench`.

import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct BenchTests {
    @Test("prints one JSON object with the speed and its parts")
    func json() throws {
      let outcome = try Job.run(
        2, ["bench", "--model", "resnet8", "-b", "16", "--steps", "3", "--threads", "1", "--json"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let result = try Job.object(outcome.standardOutput)
      #expect(result["model"] as? String == "resnet8")
      #expect(result["ranks"] as? Int == 2 && result["batch_size"] as? Int == 16)
      #expect(result["steps"] as? Int == 3 && result["threads"] as? Int == 1)
      #expect(result["precision"] as? String == "fp32")
      for key in ["images_per_second", "step_seconds", "gflops", "peak_rss_bytes"] {
        #expect((result[key] as? Double ?? 0) > 0, "\(key) in \(result)")
      }
      let parts = try #require(result["parts"] as? [String: Any])
      #expect(
        Set(parts.keys) == [
          "forward", "backward", "optimizer", "statistics_wait", "gradient_wait", "data",
        ])
    }

    @Test("--timeline writes a trace with every rank's layers, exchanges and waits")
    func timeline() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("trace.json")
      let outcome = try Job.run(
        3,
        [
          "bench", "--model", "resnet8", "-b", "16", "--steps", "2", "--threads", "1",
          "--timeline", path,
        ])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let trace = try Job.object(try String(contentsOfFile: path, encoding: .utf8))
      let events = try #require(trace["traceEvents"] as? [[String: Any]])
      for rank in 0..<3 {
        let own = events.filter { $0["pid"] as? Int == rank && $0["ph"] as? String == "X" }
        let names = own.compactMap { $0["name"] as? String }
        // Seven normalizations, forward and backward, and the loss, in two steps.
        #expect(names.filter { $0 == "statistics" }.count == 2 * (2 * 7 + 1), "\(names)")
        #expect(names.filter { $0 == "backward of layer3.0.conv1" }.count == 2)
        #expect(names.filter { $0 == "summing gradients" }.count == 2)
        #expect(
          own.allSatisfy { $0["dur"] as? Double ?? -1 >= 0 && $0["ts"] as? Double ?? -1 >= 0 })
        let steps = own.compactMap { ($0["args"] as? [String: Any])?["step"] as? Int }
        #expect(Set(steps) == [1, 2])
        expectNested(own)
      }
    }

    /// Expects that events follow each other or lie in each other, to the last digit: readers drop others.
    private func expectNested(_ events: [[String: Any]]) {
      let times = events.map { event in
        (began: event["ts"] as? Double ?? -1, length: event["dur"] as? Double ?? -1)
      }
      var ends: [Double] = []
      for time in times.sorted(by: { ($0.began, $1.length) < ($1.began, $0.length) }) {
        while let end = ends.last, end <= time.began { ends.removeLast() }
        let end = time.began + time.length
        #expect(end <= ends.last ?? .infinity, "\(time)")
        // Perfetto counts nanoseconds.
        #expect((1000 * time.began).rounded() == 1000 * time.began)
        #expect((1000 * end).rounded() == 1000 * end)
        ends.append(end)
      }
    }

    @Test("an injected network delays statistics by its latency and gradients by its bandwidth")
    func injectedNetwork() throws {
      func parts(_ flags: [String]) throws -> [String: Double] {
        let outcome = try Job.run(
          4,
          [
            "bench", "--model", "resnet8", "-b", "16", "--steps", "3", "--warm-up", "1",
            "--threads", "1", "--json",
          ] + flags)
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        let result = try Job.object(outcome.standardOutput)
        #expect(result["hosts"] as? Int == 4)
        return try #require(result["parts"] as? [String: Double])
      }
      // 15 exchanges of two rounds each.
      let slow = try parts(["--inject-latency", "2ms"])
      #expect(slow["statistics_wait"]! >= 15 * 2 * 2e-3, "\(slow)")
      // Three quarters of 75,000 floats, twice, at 2.5 MB/s, hidden in part by 20 ms of computing.
      let narrow = try parts(["--inject-bandwidth", "20Mbit"])
      #expect(narrow["gradient_wait"]! >= 0.1 && narrow["gradient_wait"]! < 1, "\(narrow)")
    }

    @Test("--layers names each convolution's algorithm, grouped ones too")
    func layers() throws {
      let outcome = try Job.run(
        1,
        [
          "bench", "--model", "resnext50_32x4d", "--image-size", "32", "--classes", "3", "-b", "8",
          "--steps", "1", "--layers",
        ])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let lines = outcome.standardOutput.split(whereSeparator: \.isNewline)
      #expect(lines.filter { $0.contains("Winograd") && $0.contains("32 groups") }.count == 13)
      #expect(
        lines.filter { $0.contains("3×3/2") && $0.hasSuffix("32 groups, implicit GEMM") }.count == 3
      )
      #expect(lines.contains { $0.contains("7×7/2, 32×32×3 → 64") })
      #expect(lines.contains { $0.hasPrefix("speed") })
    }

    @Test(
      "bad flags are one usage error",
      arguments: [
        ["--model", "resnet9999"], ["--steps", "0"], ["--seconds", "-1"], ["-b", "4"],
        ["--layers", "--json"], ["--bucket-mb", "0"], ["--inject-latency", "50"],
        ["--inject-bandwidth", "fast"],
      ])
    func errors(flags: [String]) throws {
      let outcome = try Job.run(2, ["bench"] + flags)
      #expect(outcome.exitCode == 2, "\(outcome.standardError)")
      #expect(outcome.standardOutput.isEmpty)
      #expect(outcome.standardError.contains("resnet-dist:"), "\(outcome.standardError)")
    }
  }
}
