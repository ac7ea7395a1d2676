/// Runs by recipe, with validation images, mixed images and averaged weights.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct RecipeRunTests {
    @Test(
      "a recipe of networks with bottlenecks takes others, whose blocks have no stride to place")
    func otherNetwork() throws {
      let (data, folder) = (try DetectTests.dataset(), try TemporaryDirectory())
      let arguments = DetectTests.arguments(data) + ["--recipe", "he2015-voc"]
      let run = folder.file("run")
      let outcome = try Job.run(2, arguments + ["--run-dir", run])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let config = try String(contentsOfFile: "\(run)/config.yaml", encoding: .utf8)
      for line in ["recipe: he2015-voc", "model: resnet18", "stride-placement: null"] {
        #expect(config.contains("\n\(line)\n") || config.hasPrefix(line), "\(line) in \(config)")
      }
      // As a file, the same values are the same run.
      let again = try Job.alone(
        ["detect", "train", "--config", "\(run)/config.yaml", "--run-dir", folder.file("again")])
      #expect(again.exitCode == 0, "\(again.standardError)")
      expectFailure(
        try Job.run(2, arguments + ["--stride-placement", "1x1"]), exitCode: 2,
        naming: ["resnet18", "--stride-placement"])
    }

    @Test("flags win over a file, a file over the recipe, the recipe over the defaults")
    func precedence() throws {
      let folder = try TemporaryDirectory()
      let file = folder.file("settings.yaml")
      try "recipe: he2015-cifar\nlr: 0.05\nwd: 0.25\n".write(
        toFile: file, atomically: true, encoding: .utf8)
      let run = folder.file("run")
      let outcome = try Job.alone(
        Job.small + [
          "--config", file, "--wd", "0.5", "--iterations", "4", "--validation-split", "64",
          "--run-dir", run,
        ])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let config = try String(contentsOfFile: "\(run)/config.yaml", encoding: .utf8)
      for line in [
        "recipe: he2015-cifar", "lr: 0.05", "wd: 0.5", "mean: per-pixel", "iterations: 4",
        "lr-milestones: 50%,75%", "validation-split: 64",
      ] { #expect(config.contains("\n\(line)\n"), "\(line)") }
    }

    @Test("recipes are shown as flags and as YAML that --config takes")
    func shown() throws {
      let all = try Job.alone(["recipes"])
      #expect(all.standardOutput.contains("goyal2017: Goyal et al. 2017"))
      #expect(all.standardOutput.contains("  --lr-milestones 50%,75%\n"))
      let folder = try TemporaryDirectory()
      let file = folder.file("recipe.yaml")
      try Job.alone(["recipes", "he2015-cifar", "--yaml"]).standardOutput.write(
        toFile: file, atomically: true, encoding: .utf8)
      let outcome = try Job.alone(
        Job.small + [
          "--config", file, "--iterations", "2", "--validation-split", "32", "--run-dir",
          folder.file("run"),
        ])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      expectFailure(
        try Job.alone(["recipes", "he2016"]), exitCode: 2, naming: ["'he2016'", "he2015-cifar"])
    }

    @Test("the best evaluation's checkpoint is kept, named and taken by eval")
    func best() throws {
      let folder = try TemporaryDirectory()
      let run = folder.file("run")
      // The rate of the second half ruins the network.
      let arguments =
        Job.small + [
          "--epochs", "4", "--lr", "0.01", "--lr-milestones", "50%", "--lr-gamma", "300",
          "--validation-split", "64", "--select", "best", "--keep-checkpoints", "1", "--run-dir",
          run,
        ]
      let outcome = try Job.run(2, arguments)
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let metrics = try Job.metrics(run).filter { $0["split"] == "validation" }
      let errors = metrics.map { Double($0["top1_error"] ?? "") ?? 2 }
      let lowest = errors.firstIndex(of: errors.min()!)!
      #expect(metrics.count == 4 && errors.last! > errors.min()!, "\(errors)")
      let step = metrics[lowest]["step"] ?? ""
      #expect(outcome.standardOutput.contains("after step \(step): --weights \(run)/best"))
      let names = try FileManager.default.contentsOfDirectory(atPath: "\(run)/checkpoints").sorted()
      #expect(names.count == 2 && names[0].hasSuffix("-00000\(step)"), "\(names)")
      let test = try #require(
        outcome.standardOutput.firstMatch(of: /test error (\S+ %)/)?.1)
      let evaluated = try Job.alone(["eval", "--weights", "\(run)/best"])
      #expect(evaluated.standardOutput.contains("top-1 error  \(test)"), "\(evaluated)")
    }

    @Test("mixed, erased and averaged, a run has the same bits on any ranks and resumed")
    func invariance() throws {
      let folder = try TemporaryDirectory()
      let arguments =
        Job.small + [
          "--iterations", "16", "--mixup-alpha", "0.2", "--cutmix-alpha", "1", "--random-erase",
          "0.5", "--label-smoothing", "0.1", "--ema-decay", "0.9", "--ema-steps", "3",
          "--warmup-iterations", "4", "--checkpoint-every", "7", "--keep-checkpoints", "9",
        ]
      var digests: [[Substring]] = []
      func digest(_ outcome: ProcessRunner.Outcome) {
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        digests.append(
          outcome.standardOutput.matches(of: /(?:parameters|average) sha256 ([0-9a-f]{64})/)
            .map(\.1))
      }
      for ranks in [1, 3, 4] {
        digest(
          try Job.run(ranks, arguments + ["--run-dir", folder.file("\(ranks)")]))
      }
      digest(
        try Job.run(
          2,
          [
            "--resume", folder.file("1/checkpoints/step-0000007"), "--run-dir",
            folder.file("resumed"),
          ]))
      #expect(digests[0].count == 2 && digests[0][0] != digests[0][1])
      #expect(digests.allSatisfy { $0 == digests[0] }, "\(digests)")
      // Evaluations are of the average, so eval is, too.
      let evaluated = try Job.alone(["eval", "--weights", folder.file("3")])
      #expect(evaluated.standardOutput.contains(digests[0][1]))
      let raw = try Job.alone([
        "eval", "--weights", folder.file("3/checkpoints/step-0000016/weights.safetensors"),
      ])
      #expect(raw.standardOutput.contains(digests[0][0]))
    }

    @Test(
      "settings that do not go together are one clear error",
      arguments: [
        (["--validation-split", "256"], ["--validation-split 256", "256 training images"]),
        (["--select", "best"], ["--select best", "--validation-split"]),
        (["--recipe", "he2016"], ["--recipe", "he2016", "he2015-cifar"]),
        (["--mixup-alpha=-1"], ["--mixup-alpha", "-1"]),
        (["--ema-decay", "1"], ["--ema-decay", "1"]),
      ])
    func refused(flags: [String], words: [String]) throws {
      let folder = try TemporaryDirectory()
      expectFailure(
        try Job.run(2, Job.small + flags + ["--run-dir", folder.file("run")]), exitCode: 2,
        naming: words)
      #expect(!FileManager.default.fileExists(atPath: folder.file("run")))
    }
  }
}
