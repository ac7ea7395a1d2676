/// `doctor` on real ranks: what it measures, and what makes it advise against a run.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct DoctorTests {
    private static let command = ["doctor"] + Job.small + ["--run-dir", "run"]

    /// The findings of a report in JSON, by check.
    private func findings(_ outcome: ProcessRunner.Outcome) throws -> [String: [String: String]] {
      let report = try Job.object(outcome.standardOutput)
      let findings = try #require(report["findings"] as? [[String: String]])
      return Dictionary(findings.map { ($0["check"]!, $0) }, uniquingKeysWith: { $1 })
    }

    @Test("it measures every rank, the links between them, the step and the images")
    func measures() throws {
      let folder = try TemporaryDirectory()
      let outcome = try Job.run(3, Self.command + ["--json"], in: folder.path)
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let findings = try findings(outcome)
      for check in [
        "processor", "ranks", "binding", "BLAS", "load", "speed", "program", "MPI", "in a host",
        "all-reduce", "waiting", "images", "memory", "disk", "loading", "time",
      ] { #expect(findings[check] != nil, "no \(check) in \(findings.keys)") }
      #expect(findings["images"]?["text"]?.hasPrefix("256 for training and 96 for tests") == true)
      let report = try Job.object(outcome.standardOutput)
      let measured = try #require(report["measured"] as? [String: Any])
      let ranks = try #require(measured["ranks"] as? [[String: Any]])
      #expect(ranks.count == 3)
      let sum = try ProcessRunner.run("sha256sum", [Job.executable]).standardOutput
      for rank in ranks { #expect(rank["program_sha256"] as? String == String(sum.prefix(64))) }
      let links = try #require(measured["links"] as? [[String: Double]])
      #expect(links.count == 1 && links[0]["from"] == 0 && links[0]["to"] == 1)
      #expect(links.allSatisfy { $0["latency_seconds"]! > 0 && $0["bytes_per_second"]! > 0 })
      let run = try #require(measured["run"] as? [String: Any])
      // Five epochs of 8 steps; three copies of a parameter are in no checkpoint, two are.
      #expect(run["steps"] as? Int == 40 && run["evaluations"] as? Int == 5)
      let step = try #require(measured["step"] as? [String: Any])
      #expect((step["images_per_second"] as? Double ?? 0) > 0)
      // It has looked, and left nothing.
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    @Test("the size of checkpoints is that of the files that a run writes")
    func checkpointSize() throws {
      let folder = try TemporaryDirectory()
      let flags = ["--ema-decay", "0.9"]
      let outcome = try Job.alone(Self.command + flags + ["--json"], in: folder.path)
      let measured = try Job.object(outcome.standardOutput)["measured"] as? [String: Any]
      let run = try #require(measured?["run"] as? [String: Any])
      let expected = try #require(run["checkpoint_bytes"] as? Double)
      let trained = try Job.alone(
        Job.small + flags + ["--iterations", "1", "--run-dir", folder.file("run")])
      #expect(trained.exitCode == 0, "\(trained.standardError)")
      let checkpoint = folder.file("run/checkpoints/step-0000001")
      let sizes = try FileManager.default.contentsOfDirectory(atPath: checkpoint).map {
        try FileManager.default.attributesOfItem(atPath: "\(checkpoint)/\($0)")[.size] as! Int
      }
      // Names and headers come on top.
      let actual = Double(sizes.reduce(0, +))
      #expect(expected < actual && actual < 1.25 * expected, "\(expected) and \(actual)")
    }

    @Test("ranks of different builds are a problem")
    func otherProgram() throws {
      let folder = try TemporaryDirectory()
      let other = folder.file("resnet-dist")
      try FileManager.default.copyItem(atPath: Job.executable, toPath: other)
      let file = try #require(FileHandle(forWritingAtPath: other))
      try file.seekToEnd()
      try file.write(contentsOf: Data([0]))
      try file.close()
      let outcome = try ProcessRunner.run(
        "/usr/bin/env",
        ["mpirun", "-n", "1", Job.executable] + Self.command + [":", "-n", "1", other]
          + Self.command, environment: Job.environment, directory: folder.path,
        timeout: Job.patience)
      expectFailure(
        outcome, exitCode: 1, naming: ["problem  program", "rank 1", "1 problem found"])
    }

    @Test("images that are not there, or not the same, are a problem that names the rank")
    func images() throws {
      let missing = ["doctor", "--dataset", "image-folder", "--data-dir", "/nowhere"]
      expectFailure(
        try Job.run(2, missing, timeout: Job.patience), exitCode: 1,
        naming: ["problem  run", "/nowhere", "rank 0"])
      let folder = try TemporaryDirectory()
      let places = try Job.placesWithImages(3, 2, in: folder)
      expectFailure(
        try Job.run(
          inEach: places,
          ["doctor", "--model", "resnet8", "--data-dir", "images"]), exitCode: 1,
        naming: ["problem  run", "training images", "rank 1"])
    }

    @Test("a folder that cannot be made is a problem")
    func folder() throws {
      let folder = try TemporaryDirectory()
      let file = folder.file("file")
      try Data().write(to: URL(fileURLWithPath: file))
      expectFailure(
        try Job.alone(["doctor"] + Job.small + ["--run-dir", "\(file)/run"]), exitCode: 1,
        naming: ["problem  disk", "\(file)/run", "--run-dir"])
    }

    @Test("images that cannot be decoded are a problem; --data names all of them")
    func data() throws {
      let folder = try TemporaryDirectory()
      let root = folder.file("images")
      for split in ["train", "test"] {
        try FileManager.default.createDirectory(
          atPath: root, withIntermediateDirectories: true)
        try FileManager.default.copyItem(
          atPath: "\(Job.root)/Tests/CommandLineTests/Fixtures/evaluation/images",
          toPath: "\(root)/\(split)")
      }
      let bad = "\(root)/train/class-0/bad.png"
      try Data("no image".utf8).write(to: URL(fileURLWithPath: bad))
      let command = ["doctor", "--model", "resnet8", "-b", "8", "--data-dir", root]
      let scanned = try Job.run(2, command + ["--data"], timeout: Job.patience)
      expectFailure(
        scanned, exitCode: 1,
        naming: ["problem  data", "1 training image cannot be decoded", bad])
      // Eleven images are loaded many times in the timed part, so the bad one is met there, too.
      expectFailure(
        try Job.run(2, command, timeout: Job.patience), exitCode: 1,
        naming: ["problem  bad images", bad, "--on-bad-image skip"])
      let skipped = try Job.run(2, command + ["--on-bad-image", "skip"], timeout: Job.patience)
      #expect(skipped.exitCode == 0, "\(skipped.standardOutput)")
      #expect(skipped.standardOutput.contains(/note +bad images/), "\(skipped.standardOutput)")
    }

    @Test("the settings of a file are those of the run")
    func file() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run.yaml")
      try "model: resnet14\ndataset: synthetic\niterations: 7\nmax-time: 1s\n".write(
        toFile: path, atomically: true, encoding: .utf8)
      let outcome = try Job.alone(["doctor", "--config", path, "--json"], in: folder.path)
      let measured = try Job.object(outcome.standardOutput)["measured"] as? [String: Any]
      let run = try #require(measured?["run"] as? [String: Any])
      #expect(run["model"] as? String == "resnet14" && run["steps"] as? Int == 7)
      #expect(run["maximum_seconds"] as? Int == 1)
    }
  }
}
