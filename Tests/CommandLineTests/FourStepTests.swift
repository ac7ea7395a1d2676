/// Four-step alternating training as users run it: what each step keeps and changes, its bits, and a resume.

import Foundation
import Safetensors
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct FourStepTests {
    private static func arguments(_ data: TemporaryDirectory) -> [String] {
      DetectTests.arguments(data) + ["--training", "four-steps", "--checkpoint-every", "1"]
    }

    /// The files of a step's newest weights, by tensor.
    private static func weights(_ step: String) throws -> [String: [Float]] {
      let checkpoints = "\(step)/checkpoints"
      let newest = try #require(
        try FileManager.default.contentsOfDirectory(atPath: checkpoints).sorted().last)
      let file = try SafetensorsFile(
        contentsOf: "\(checkpoints)/\(newest)/weights.safetensors")
      return try Dictionary(
        uniqueKeysWithValues: file.names.filter { !$0.hasSuffix("num_batches_tracked") }
          .map { ($0, try file.float32($0)) })
    }

    private static func result(_ step: String) throws -> [String: Any] {
      try Job.object(String(contentsOfFile: "\(step)/result.json", encoding: .utf8))
    }

    private func train(_ ranks: Int, _ arguments: [String]) throws -> [String: Any] {
      let outcome = try Job.run(ranks, arguments)
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      return try Job.object(outcome.standardOutput)
    }

    @Test("all steps have the same bits on any ranks, and after a resume in the second")
    func ranks() throws {
      let (data, folder) = (try DetectTests.dataset(), try TemporaryDirectory())
      let arguments = Self.arguments(data)
      let one = try train(1, arguments + ["--run-dir", folder.file("1")])
      #expect("\(one["run_dir"]!)" == folder.file("1"))
      for ranks in [2, 4] {
        _ = try train(ranks, arguments + ["--run-dir", folder.file("\(ranks)")])
      }
      // As a job leaves it that is killed between the second step's checkpoints.
      let killed = folder.file("killed")
      try FileManager.default.copyItem(atPath: folder.file("2"), toPath: killed)
      for name in [
        "result.json", "step2/result.json", "step2/checkpoints/step-0000002", "step3", "step4",
      ] { try FileManager.default.removeItem(atPath: "\(killed)/\(name)") }
      let resumed = try train(3, ["detect", "train", "--resume", killed, "--json"])
      #expect("\(resumed["run_dir"]!)" == killed)
      for step in 1...4 {
        let expected = try Self.result(folder.file("1/step\(step)"))
        #expect(
          "\(expected["frozen_sha256_before"]!)" == "\(expected["frozen_sha256_after"]!)")
        for run in ["2", "4", "killed"] {
          let own = try Self.result(folder.file("\(run)/step\(step)"))
          for key in ["parameters_sha256", step % 2 == 1 ? "recall50" : "AP"] {
            #expect("\(own[key]!)" == "\(expected[key]!)", "\(key) of step \(step) of \(run)")
          }
        }
      }
      // A finished training is its last step's detector, and one that is resumed ends with the same.
      let eval = ["detect", "eval", "--json", "--weights"]
      #expect(
        try Job.alone(eval + [folder.file("1")]).standardOutput
          == Job.alone(eval + [folder.file("4/step4")]).standardOutput)
      let again = try train(
        2, arguments + ["--resume", "auto", "--run-dir", folder.file("4")])
      #expect("\(again["parameters_sha256"]!)" == "\(one["parameters_sha256"]!)")
    }

    @Test("each step trains its own layers and keeps the others' bits")
    func layers() throws {
      let (data, folder) = (try DetectTests.dataset(), try TemporaryDirectory())
      let run = folder.file("run")
      _ = try train(2, Self.arguments(data) + ["--run-dir", run])
      let page = try String(contentsOfFile: "\(run)/step1/report.html", encoding: .utf8)
      #expect(page.contains("Recall of proposals") && !page.contains("Loss of regions"))
      let steps = try (1...4).map { try Self.weights("\(run)/step\($0)") }
      /// The layers of which any number differs, by the first word of their names.
      func changed(_ first: Int, _ second: Int) -> Set<String> {
        let (old, new) = (steps[first - 1], steps[second - 1])
        #expect(Set(old.keys) == Set(new.keys))
        return Set(
          old.keys.filter { old[$0] != new[$0] }.map { String($0.prefix { $0 != "." }) })
      }
      // Both from the same first weights: each has trained its own part and the shared layers.
      #expect(changed(1, 2) == ["layer2", "layer3", "layer4", "rpn", "roi_heads"])
      #expect(changed(2, 3) == ["rpn"])
      #expect(changed(3, 4) == ["layer4", "roi_heads"])
    }

    @Test("the second step sees the first one's proposals")
    func proposals() throws {
      let (data, folder) = (try DetectTests.dataset(), try TemporaryDirectory())
      let part = DetectTests.arguments(data) + ["--training"]
      _ = try train(2, part + ["rpn", "--run-dir", folder.file("rpn")])
      _ = try train(2, part + ["rpn", "--seed", "2", "--run-dir", folder.file("other")])
      func regions(_ proposals: String, ranks: Int) throws -> String {
        let result = try train(
          ranks,
          part + [
            "fast-rcnn", "--proposals-from", folder.file(proposals), "--run-dir",
            folder.file("\(proposals)-\(ranks)"),
          ])
        return "\(result["parameters_sha256"]!)"
      }
      let own = try regions("rpn", ranks: 1)
      #expect(try regions("rpn", ranks: 2) == own)
      #expect(try regions("other", ranks: 2) != own)
      let evaluated = try Job.run(
        2, ["detect", "eval", "--weights", folder.file("rpn-2"), "--json"])
      let trained = try Self.result(folder.file("rpn-2"))
      let figures = try Job.object(evaluated.standardOutput)
      for (key, value) in figures { #expect("\(trained[key]!)" == "\(value)", "\(key)") }
      let predicted = try Job.alone(
        ["detect", "predict", "--weights", folder.file("rpn-2"), data.file("JPEGImages/1.jpg")])
      #expect(predicted.exitCode == 0, "\(predicted.standardError)")

      func check(_ arguments: [String], exitCode: Int32 = 2, _ parts: String...) throws {
        let outcome = try Job.run(2, arguments, in: folder.path)
        expectFailure(outcome, exitCode: exitCode, naming: parts)
      }
      let classifier =
        "\(Job.root)/Tests/CommandLineTests/Fixtures/evaluation/weights.safetensors"
      try check(part + ["fast-rcnn"], "trained already", "--proposals-from")
      try check(part + ["joint", "--proposals-from", "rpn"], "--training fast-rcnn")
      try check(
        part + ["fast-rcnn", "--proposals-from", "rpn", "--anchor-sizes", "16,48"],
        "rpn", "other anchors")
      try check(
        part + ["fast-rcnn", "--proposals-from", "absent"], exitCode: 1, "absent")
      try check(
        part + ["fast-rcnn", "--proposals-from", classifier], "weights.safetensors",
        "no proposal network")
      try check(
        part + ["fast-rcnn", "--proposals-from", "rpn", "--model", "resnet34"], "rpn",
        "not of fasterrcnn_resnet34_c4")
      try FileManager.default.removeItem(atPath: folder.file("rpn"))
      try check(
        ["detect", "eval", "--weights", "rpn-2"], exitCode: 1, folder.file("rpn"))
    }

    @Test("steps that cannot be trained are found before the first one")
    func wrong() throws {
      let (data, folder) = (try DetectTests.dataset(), try TemporaryDirectory())
      let arguments = Self.arguments(data) + ["--run-dir", "run"]
      func check(_ arguments: [String], exitCode: Int32 = 2, _ parts: String...) throws {
        let outcome = try Job.run(2, arguments, in: folder.path)
        expectFailure(outcome, exitCode: exitCode, naming: parts)
      }
      try check(arguments + ["--proposals-from", "x"], "--proposals-from", "four steps")
      for flag in ["--fast-rcnn-batch-size", "--batch-size"] {
        try check(
          arguments + [flag, "1"], "2 ranks", "of 1 image", "use --batch-size 2 or more",
          "--fast-rcnn-batch-size for steps 2 and 4")
      }
      try check(
        arguments + ["--data-dir", folder.path], exitCode: 1, "annotations/*.json")
      #expect(!FileManager.default.fileExists(atPath: folder.file("run")))
      let first = try Job.run(2, arguments + ["--iterations", "1"], in: folder.path)
      #expect(first.exitCode == 0, "\(first.standardError)")
      try check(arguments, exitCode: 1, "run", "--resume")
      let resume = ["detect", "train", "--resume", "run"]
      for training in ["joint", "rpn"] {
        try check(
          resume + ["--training", training], "--training four-steps", "asks for \(training)")
      }
      try check(resume + ["--batch-size", "2"], "--batch-size 4", "asks for 2")
    }
  }
}
