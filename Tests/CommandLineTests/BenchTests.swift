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
      for key in ["images_per_second", "step_seconds", "gflops", "peak_rss_bytes"] {
        #expect((result[key] as? Double ?? 0) > 0, "\(key) in \(result)")
      }
      let parts = try #require(result["parts"] as? [String: Any])
      #expect(
        Set(parts.keys) == [
          "forward", "backward", "optimizer", "statistics_wait", "gradient_wait", "data",
        ])
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
      #expect(lines.filter { $0.contains("direct, patches") && $0.contains("3×3/2") }.count == 3)
      #expect(lines.contains { $0.contains("7×7/2, 32×32×3 → 64") })
      #expect(lines.contains { $0.hasPrefix("speed") })
    }

    @Test(
      "bad flags are one usage error",
      arguments: [
        ["--model", "resnet9999"], ["--steps", "0"], ["--seconds", "-1"], ["-b", "4"],
        ["--layers", "--json"],
      ])
    func errors(flags: [String]) throws {
      let outcome = try Job.run(2, ["bench"] + flags)
      #expect(outcome.exitCode == 2, "\(outcome.standardError)")
      #expect(outcome.standardOutput.isEmpty)
      #expect(outcome.standardError.contains("resnet-dist:"), "\(outcome.standardError)")
    }
  }
}
