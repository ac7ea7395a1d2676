/// A run's config.yaml that has lost lines: the run does not go on with defaults instead.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct ShortenedConfigurationTests {
    private let folder: TemporaryDirectory
    private var path: String { folder.file("run") }
    private var config: String { "\(path)/config.yaml" }

    /// A run of 8 steps with rates of its own.
    init() throws {
      folder = try TemporaryDirectory()
      let outcome = try Job.alone(
        Job.small + [
          "--iterations", "8", "--lr", "0.02", "--momentum", "0.5", "--wd", "0.01", "--run-dir",
          path,
        ])
      try #require(outcome.exitCode == 0, "\(outcome.standardError)")
    }

    /// Writes those lines of config.yaml back that `isKept` says.
    private func keepLines(where isKept: (Substring) -> Bool) throws {
      let text = try String(contentsOfFile: config, encoding: .utf8)
      let kept = text.split(separator: "\n").filter(isKept).joined(separator: "\n")
      try (kept + "\n").write(toFile: config, atomically: true, encoding: .utf8)
    }

    @Test("what is cut off is named with its value, by every way to resume")
    func cut() throws {
      var isCut = false
      try keepLines { line in
        isCut = isCut || line.hasPrefix("lr:")
        return !isCut
      }
      let lost = ["config.yaml", "step-0000008", "'lr: 0.02'", "'momentum: 0.5'", "'wd: 0.01'"]
      for flags in [
        ["--resume", path], ["--resume", "\(path)/checkpoints/step-0000008"],
        Job.small + ["--run-dir", path, "--resume", "auto"],
      ] {
        expectFailure(try Job.run(2, flags + ["--iterations", "16"]), exitCode: 2, naming: lost)
      }
    }

    @Test("a line that says something else, and one that is gone and said the default, are fine")
    func changed() throws {
      try keepLines { !$0.hasPrefix("lr-gamma:") && !$0.hasPrefix("lr-schedule:") }
      let text = try String(contentsOfFile: config, encoding: .utf8)
      try text.replacing("lr: 0.02", with: "lr: 0.03")
        .write(toFile: config, atomically: true, encoding: .utf8)
      let outcome = try Job.run(2, ["--resume", path, "--iterations", "16"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
    }

    @Test("a checkpoint from before all settings were recorded is resumed")
    func older() throws {
      let manifest = "\(path)/checkpoints/step-0000008/checkpoint.json"
      var contents = try Job.object(String(contentsOfFile: manifest, encoding: .utf8))
      var state = try #require(contents["state"] as? [String: Any])
      let settings = try #require(state["settings"] as? [String: String])
      #expect(settings["lr"] == "0.02" && settings["run-dir"] == nil)
      state["settings"] = settings.filter { $0.key != "lr" }
      contents["state"] = state
      try JSONSerialization.data(withJSONObject: contents).write(to: URL(filePath: manifest))
      try FileManager.default.removeItem(atPath: "\(manifest).sha256")
      try keepLines { !$0.hasPrefix("lr:") }
      let outcome = try Job.run(2, ["--resume", path, "--iterations", "16"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
    }
  }
}
