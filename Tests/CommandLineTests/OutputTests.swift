/// What people and scripts read.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct OutputTests {
    @Test("a run says what it is about to do, tabulates epochs and ends with result and folder")
    func training() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      let outcome = try Job.run(3, Job.small + ["--epochs", "2", "--run-dir", path])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let text = outcome.standardOutput
      // A "\r\n", which the terminal that Open MPI puts between makes, is one character and no "\r".
      #expect(!text.contains("\r") && !text.contains("\u{1B}"), "no terminal codes in a pipe")
      for part in [
        "resnet8", "75,290 parameters", "multiply-adds", "32 images", "8 shards", "2 epochs",
        "momentum 0.9", "pad 4 and crop", "images/s", "test error", "do not divide evenly",
      ] { #expect(text.contains(part), "no '\(part)' in:\n\(text)") }
      let rows = text.split(whereSeparator: \.isNewline)
        .filter { $0.firstMatch(of: #/^\s*[12]/2 /#) != nil }
      #expect(rows.count == 2, "\(text)")
      let last = text.split(whereSeparator: \.isNewline).last
      #expect(last.map { $0.contains(path) } == true, "\(text)")
      let config = try String(contentsOfFile: "\(path)/config.yaml", encoding: .utf8)
      for line in [
        "model: resnet8", "shards: 8", "lr: 0.1", "shortcut: A", "epochs: 2", "image-size: null",
        "threads: null", "derived:", "  train-crop: pad", "  threads: ",
      ] { #expect(config.contains(line), "no '\(line)' in:\n\(config)") }
      #expect(!config.contains(path), "config.yaml names its folder:\n\(config)")
      let metrics = try Job.metrics(path)
      #expect(metrics.filter { $0["split"] == "test" }.map { $0["step"] } == ["8", "16"])
      for key in ["step", "epoch", "split", "loss", "top1_error", "lr"] {
        #expect(metrics.allSatisfy { $0[key] != nil }, "no \(key)")
      }
    }

    @Test("eval and inspect print one JSON object, the same from run, checkpoint and any ranks")
    func json() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      #expect(
        try Job.run(2, Job.small + ["--iterations", "9", "--run-dir", path]).exitCode == 0)
      let checkpoint = "\(path)/checkpoints/step-0000009"
      var texts: Set<String> = []
      for (ranks, weights) in [
        (1, path), (3, path), (2, checkpoint), (1, "\(checkpoint)/weights.safetensors"),
      ] {
        let outcome = try Job.run(ranks, ["eval", "--weights", weights, "--json"])
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        texts.insert(outcome.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines))
      }
      #expect(texts.count == 1, "\(texts)")
      let evaluation = try Job.object(texts.first!)
      #expect(
        Set(evaluation.keys) == [
          "model", "samples", "top1", "top5", "loss", "parameters_sha256", "networks", "views",
          "shortcut",
        ])
      #expect(evaluation["shortcut"] as? String == "A")
      #expect(evaluation["samples"] as? Int == 96 && evaluation["model"] as? String == "resnet8")
      let inspection = try Job.object(
        try Job.alone(["inspect", checkpoint, "--json"]).standardOutput)
      #expect(
        Set(inspection.keys) == ["model", "step", "epoch", "parameters", "parameters_sha256"])
      #expect(inspection["step"] as? Int == 9 && inspection["parameters"] as? Int == 75_290)
      #expect(
        inspection["parameters_sha256"] as? String == evaluation["parameters_sha256"] as? String)
      let text = try Job.alone(["inspect", path]).standardOutput
      for words in [
        "10: class 0, class 1", "32×32; mean 0.", "after step 9", "network       resnet8",
      ] { #expect(text.contains(words), "\(words): \(text)") }
      // The last line of the metrics log is the same evaluation.
      let last = try Job.metrics(path).last
      #expect(last?["loss"] == "\(evaluation["loss"]!)")
    }

    @Test("help and version are printed once and exit with 0")
    func help() throws {
      for (arguments, word) in [
        (["--help"], "--batch-size"), (["help", "train"], "--lr-milestones"),
        (["eval", "--help"], "--json"), (["inspect", "--help"], "sha256"),
        (["data", "fetch", "--help"], "--mirror"), (["--version"], "."),
      ] {
        let outcome = try Job.run(4, arguments)
        #expect(outcome.exitCode == 0, "\(arguments): \(outcome.standardError)")
        #expect(outcome.standardOutput.contains(word), "\(arguments): no \(word)")
        let alone = try Job.alone(arguments)
        #expect(alone.standardOutput == outcome.standardOutput.replacing("\r", with: ""))
      }
    }

    @Test("a run's config.yaml makes the same run again, and flags win over it")
    func config() throws {
      let folder = try TemporaryDirectory()
      let first = folder.file("first")
      let again = folder.file("again")
      let other = folder.file("other")
      #expect(
        try Job.alone(Job.small + ["--iterations", "4", "--seed", "3", "--run-dir", first])
          .exitCode == 0)
      let config = ["--config", "\(first)/config.yaml", "--run-dir"]
      #expect(try Job.alone(config + [again]).exitCode == 0)
      #expect(try Job.digest(again) == Job.digest(first))
      #expect(try Job.alone(config + [other, "--seed", "4"]).exitCode == 0)
      #expect(try Job.digest(other) != Job.digest(first))
    }
  }
}
