/// Memory is counted before it is taken.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct MemoryTests {
    private static let huge = ["--model", "resnet1202", "--batch-size", "1048576"]

    @Test("a mini-batch that does not fit is one line: needed, available, what to lower")
    func training() throws {
      let folder = try TemporaryDirectory()
      let images = ["--dataset", "synthetic"]
      for ranks in [1, 2] {
        expectFailure(
          try Job.run(ranks, images + Self.huge, in: folder.path), exitCode: 2,
          naming: ["a rank needs", "GiB of memory", "GiB left", "--batch-size", "--accumulate"])
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    @Test("benchmarks, evaluations and doctor count, too")
    func others() throws {
      let folder = try TemporaryDirectory()
      expectFailure(
        try Job.run(2, ["bench"] + Self.huge), exitCode: 2, naming: ["its machine's 2 ranks"])
      expectFailure(
        try Job.alone(["bench", "--image-size", "16384"] + Self.huge), exitCode: 2,
        naming: ["a rank needs"])
      expectFailure(
        try Job.run(2, ["doctor", "--dataset", "synthetic"] + Self.huge), exitCode: 1,
        naming: ["problem  run", "a rank needs", "1 problem found"])
      let run = folder.file("run")
      #expect(
        try Job.alone(Job.small + ["--iterations", "1", "--run-dir", run]).exitCode == 0)
      expectFailure(
        try Job.alone(["eval", "--weights", run, "--batch-size", "1048576"]), exitCode: 2,
        naming: ["a rank needs", "use a smaller --batch-size"])
    }

    @Test("the estimate is near what a run takes", arguments: [1, 2])
    func estimate(ranks: Int) throws {
      let outcome = try Job.run(
        ranks,
        ["bench", "--model", "resnet20", "--batch-size", "512", "--steps", "2", "--json"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let result = try Job.object(outcome.standardOutput)
      let peak = try #require(result["peak_rss_bytes"] as? Double)
      let estimate = try #require(result["estimated_bytes"] as? Double)
      #expect(0.8 < estimate / peak && estimate / peak < 1.25, "\(estimate) for \(peak)")
    }
  }
}
