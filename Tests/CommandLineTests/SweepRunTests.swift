/// Sweeps and reports from the command line.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct SweepRunTests {
    private static let base = """
      base: {dataset: synthetic, model: resnet8, train-limit: 64, test-limit: 32, batch-size: 32, epochs: 2}
      runs:
        - name: good
        - name: bad
          shortcut: B
          image-size: 4000
          batch-size: 100000
          shards: 200000
        - name: plain
          model: plain8
      seeds: [1, 2]

      """

    private func write(_ text: String, in folder: TemporaryDirectory) throws -> String {
      let file = folder.file("few.yaml")
      try text.write(toFile: file, atomically: true, encoding: .utf8)
      return file
    }

    @Test("a run that fails does not end the others, and the same command goes on where it stopped")
    func resumed() throws {
      let folder = try TemporaryDirectory()
      let file = try write(Self.base, in: folder)
      let command = ["sweep", file, "--run-dir", folder.file("runs")]
      let first = try Job.run(2, command)
      #expect(first.exitCode == 1, "\(first.standardError)")
      #expect(first.standardOutput.contains("[6/6] plain-seed-2"))
      #expect(first.standardOutput.contains("bad-seed-1 failed: "))
      #expect(first.standardError.contains("some runs failed"))
      let digests = try ["good-seed-1", "plain-seed-2"].map {
        try Job.digest(folder.file("runs/\($0)"))
      }

      // One is half done, one was never begun in earnest, the others are finished.
      let files = FileManager.default
      try files.removeItem(atPath: folder.file("runs/good-seed-1/result.json"))
      try files.removeItem(atPath: folder.file("runs/good-seed-1/checkpoints/step-0000004"))
      try files.removeItem(atPath: folder.file("runs/plain-seed-2/result.json"))
      for step in ["step-0000002", "step-0000004"] {
        try files.removeItem(atPath: folder.file("runs/plain-seed-2/checkpoints/\(step)"))
      }
      let second = try Job.run(3, command)
      #expect(second.standardOutput.contains("resumed       after step 2"), "\(second)")
      #expect(second.standardOutput.matches(of: /was finished/).count == 2)
      #expect(
        try ["good-seed-1", "plain-seed-2"].map { try Job.digest(folder.file("runs/\($0)")) }
          == digests)

      let report = try Job.alone(
        ["report"]
          + ["good-seed-1", "good-seed-2", "plain-seed-1"].map { folder.file("runs/\($0)") })
      #expect(report.exitCode == 0, "\(report.standardError)")
      #expect(report.standardOutput.contains("| resnet8 | synthetic | A | 2 |"), "\(report)")
      let page = folder.file("all.html")
      let html = try Job.alone(
        ["report", folder.file("runs/good-seed-1"), "--format", "html", "--output", page])
      #expect(html.exitCode == 0, "\(html.standardError)")
      #expect(try String(contentsOfFile: page, encoding: .utf8).contains("<svg"))
      let own = try String(
        contentsOfFile: folder.file("runs/good-seed-1/report.html"), encoding: .utf8)
      #expect(own.contains("<title>resnet8 on synthetic</title>"))
    }

    @Test("a finished run whose settings the file has no longer is named; the others go on")
    func edited() throws {
      let folder = try TemporaryDirectory()
      func file(epochs: Int) throws -> String {
        try write(
          """
          base: {dataset: synthetic, model: resnet8, train-limit: 64, test-limit: 32, batch-size: 32}
          runs:
            - name: changed
              epochs: \(epochs)
            - name: kept
              epochs: 1
          """, in: folder)
      }
      let command = ["sweep", try file(epochs: 1), "--run-dir", folder.file("runs")]
      #expect(try Job.alone(command).exitCode == 0)
      _ = try file(epochs: 2)
      let outcome = try Job.run(2, command)
      #expect(outcome.exitCode == 1)
      #expect(
        outcome.standardOutput.contains(
          "changed was finished with epochs 1, the file now says 2: use another name, or remove its "
            + "folder"), "\(outcome)")
      #expect(outcome.standardOutput.contains("was finished, test error "), "\(outcome)")
      #expect(outcome.standardError.contains("some runs failed"))
      let report = try Job.alone(["report", folder.file("runs"), folder.path])
      #expect(report.exitCode == 0, "\(report)")
      #expect(report.standardOutput.contains("| resnet8 | synthetic | 1 |"), "\(report)")
    }

    @Test("one job of an array trains its run alone")
    func job() throws {
      let folder = try TemporaryDirectory()
      let file = try write(Self.base, in: folder)
      let command = ["sweep", file, "--run-dir", folder.file("runs")]
      let list = try Job.alone(command + ["--list"])
      #expect(list.standardOutput.hasPrefix("1  good-seed-1\n2  good-seed-2\n3  bad-seed-1\n"))
      let outcome = try Job.alone(command + ["--job", "2"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder.file("runs")) == ["good-seed-2"])
      expectFailure(
        try Job.run(2, command + ["--job", "7"]), exitCode: 2, naming: ["--job 7", "1 to 6"])
    }

    @Test("a missing file, an unknown key and a folder that is no run are one clear error each")
    func refused() throws {
      let folder = try TemporaryDirectory()
      expectFailure(
        try Job.run(2, ["sweep", folder.file("none.yaml")]), exitCode: 2, naming: ["none.yaml"])
      let file = try write("base: {modle: resnet20}\n", in: folder)
      expectFailure(
        try Job.run(2, ["sweep", file]), exitCode: 2, naming: ["few.yaml:1", "'model'"])
      expectFailure(
        try Job.alone(["report", folder.path]), exitCode: 1, naming: ["config.yaml", folder.path])
      expectFailure(
        try Job.alone(["report", folder.path, "--table", "5"]), exitCode: 2, naming: ["--table 5"])
    }
  }
}
