/// Learning-rate schedules: the same promises as the default's.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct ScheduleTests {
    /// Eight epochs of four steps, each evaluated.
    private static let arguments = [
      "--dataset", "synthetic", "--model", "resnet8", "--train-limit", "64", "--test-limit", "32",
      "--batch-size", "16", "--epochs", "8",
    ]

    @Test(
      "a schedule gives the same bits and rates on 1 and 2 ranks, and resumed in its middle",
      arguments: [
        ["polynomial", "--lr-power", "2", "--warmup-epochs", "1"], ["one-cycle"], ["cosine"],
        ["plateau", "--plateau-patience", "0", "--plateau-threshold", "0.9", "--lr-gamma", "0.5"],
      ])
    func ranksAndResume(schedule: [String]) throws {
      let folder = try TemporaryDirectory()
      let (one, two, three) = (folder.file("one"), folder.file("two"), folder.file("three"))
      let arguments =
        Self.arguments + ["--keep-checkpoints", "9", "--lr-schedule"] + schedule
      for (ranks, path) in [(1, one), (2, two)] {
        let outcome = try Job.run(ranks, arguments + ["--run-dir", path])
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      }
      let resumed = try Job.run(
        2, ["--resume", "\(one)/checkpoints/step-0000020", "--run-dir", three])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
      let digest = try Job.digest(one)
      #expect(try Job.digest(two) == digest)
      #expect(try Job.digest(three) == digest)
      let metrics = try Job.metrics(one)
      #expect(try Job.metrics(two) == metrics)
      #expect(try Job.metrics(three) == metrics.filter { (Int($0["step"] ?? "") ?? 0) > 20 })
      // The rate did change, before and after the checkpoint.
      for range in [1...20, 20...32] {
        let rates = metrics.filter { range.contains(Int($0["step"] ?? "") ?? 0) }.map { $0["lr"] }
        #expect(Set(rates).count > 1, "\(rates)")
      }
    }

    @Test("a checkpoint whose schedule has an impossible state is refused, once")
    func refused() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      let trained = try Job.alone(
        Self.arguments + ["--lr-schedule", "plateau", "--run-dir", path])
      #expect(trained.exitCode == 0, "\(trained.standardError)")
      let manifest = "\(path)/checkpoints/step-0000032/checkpoint.json"
      let text = try String(contentsOfFile: manifest, encoding: .utf8)
      let damaged = text.replacingOccurrences(of: "\"drops\" : 0", with: "\"drops\" : -1")
      #expect(damaged != text)
      try damaged.write(toFile: manifest, atomically: true, encoding: .utf8)
      try FileManager.default.removeItem(atPath: "\(manifest).sha256")
      expectFailure(
        try Job.run(2, ["--resume", path, "--epochs", "9"]), exitCode: 1,
        naming: ["step-0000032", "drops -1.0"])
    }
  }
}
