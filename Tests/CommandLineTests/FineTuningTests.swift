/// Frozen layers and new classifiers on trained weights, from the command line.

import Foundation
import Safetensors
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct FineTuningTests {
    /// The tensors of the newest checkpoint of a run, by name, as bytes.
    private func tensors(_ run: String) throws -> [String: [UInt8]] {
      let weights = try #require(
        try FileManager.default.contentsOfDirectory(atPath: "\(run)/checkpoints").max())
      let file = try SafetensorsFile(
        contentsOf: "\(run)/checkpoints/\(weights)/weights.safetensors")
      return try Dictionary(
        uniqueKeysWithValues: file.sortedNames
          // PyTorch's counters of steps are no values of the network.
          .filter { !$0.hasSuffix("num_batches_tracked") }.map { ($0, try file.bytes($0)) })
    }

    private func differences(_ first: String, _ second: String) throws -> Set<String> {
      let (old, new) = (try tensors(first), try tensors(second))
      #expect(Set(old.keys) == Set(new.keys))
      return Set(old.keys.filter { old[$0] != new[$0] })
    }

    @Test("with all but fc frozen only fc changes, the same on 1 and 3 ranks and after a resume")
    func freeze() throws {
      let folder = try TemporaryDirectory()
      let (start, one, three, resumed) = (
        folder.file("start"), folder.file("one"), folder.file("three"), folder.file("resumed")
      )
      #expect(
        try Job.alone(Job.small + ["--iterations", "4", "--run-dir", start]).exitCode == 0)
      let tuning =
        Job.small + [
          "--weights", start, "--freeze", "backbone", "--iterations", "8", "--checkpoint-every",
          "3",
        ]
      let outcome = try Job.run(1, tuning + ["--run-dir", one])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(outcome.standardOutput.contains("backbone: "), "\(outcome.standardOutput)")
      #expect(try differences(start, one) == ["fc.weight", "fc.bias"])
      #expect(try Job.run(3, tuning + ["--run-dir", three]).exitCode == 0)
      #expect(try Job.digest(three) == Job.digest(one))
      let checkpoint = "\(one)/checkpoints/step-0000003"
      #expect(
        try Job.run(2, ["--resume", checkpoint, "--run-dir", resumed]).exitCode == 0)
      #expect(try Job.digest(resumed) == Job.digest(one))

      expectFailure(
        try Job.run(2, ["--resume", checkpoint, "--freeze", "conv1"], in: folder.path),
        exitCode: 2, naming: ["--freeze backbone", "asks for conv1"])
      expectFailure(
        try Job.run(2, Job.small + ["--freeze", "stem"], in: folder.path), exitCode: 2,
        naming: ["--freeze stem", "conv1, bn1, layer1, layer2, layer3, fc"])
      // The network as a whole can be given new statistics.
      let output = folder.file("recalibrated")
      let recalibration = try Job.alone(
        ["bn-recalibrate", "--weights", one, "--output", output])
      #expect(recalibration.exitCode == 0, "\(recalibration.standardError)")
    }

    @Test(
      "each way of transfer trains its layers alone, with the same bits on 1, 3 and 4 ranks",
      arguments: [
        ("all", ["--lr-backbone", "0.5"]), ("all", ["--freeze", "bn"]),
        ("last", ["--train-last", "2"]), ("head", []),
      ])
    func transfer(way: String, flags: [String]) throws {
      let folder = try TemporaryDirectory()
      let start = folder.file("start")
      #expect(
        try Job.alone(Job.small + ["--iterations", "4", "--run-dir", start]).exitCode == 0)
      var digests: Set<String> = []
      for ranks in [1, 3, 4] {
        let run = folder.file("\(ranks)")
        let outcome = try Job.run(
          ranks,
          Job.small + flags + [
            "--weights", start, "--transfer", way, "--iterations", "3", "--json", "--run-dir", run,
          ])
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        let json = try #require(
          try JSONSerialization.jsonObject(with: Data(outcome.standardOutput.utf8))
            as? [String: Any])
        digests.insert(json["parameters_sha256"] as? String ?? "none \(ranks)")
        let (before, after) = (json["frozen_sha256_before"], json["frozen_sha256_after"])
        if way == "all", !flags.contains("bn") {
          #expect(before == nil && after == nil)
        } else {
          let digest = try #require(before as? String)
          #expect(digest == after as? String && digest.count == 64)
        }
      }
      #expect(digests.count == 1, "\(digests)")
      let changed = try differences(start, folder.file("1"))
      let layers = Set(changed.map { $0.split(separator: ".").dropLast().joined(separator: ".") })
      switch way {
      case "head": #expect(layers == ["fc"])
      case "last":
        #expect(
          layers.allSatisfy { $0 == "fc" || $0.hasPrefix("layer2.") || $0.hasPrefix("layer3.") })
        #expect(layers.contains("layer2.0.conv1") && layers.contains("layer3.0.bn2"))
      default:
        #expect(layers.contains("conv1") && layers.contains("fc"))
        #expect(layers.contains("layer1.0.bn1") == !flags.contains("bn"))
      }
    }

    @Test(
      "features that are computed once change no bit, on 1 to 4 ranks and after a resume",
      arguments: [[], ["--accumulate", "3"], ["--ema-decay", "0.9"]])
    func cachedFeatures(flags: [String]) throws {
      let folder = try TemporaryDirectory()
      let start = folder.file("start")
      #expect(
        try Job.alone(Job.small + ["--iterations", "4", "--run-dir", start]).exitCode == 0)
      // Neither shards, ranks nor epochs divide a mini-batch of 45 images.
      let tuning =
        Job.small + flags + [
          "--weights", start, "--transfer", "head", "--crop-padding", "0", "--no-flip",
          "--batch-size", "45", "--iterations", "20", "--checkpoint-every", "7",
        ]
      func train(_ ranks: Int, _ choice: String) throws -> (run: String, text: String) {
        let run = folder.file("\(ranks)-\(choice)")
        let timeline = folder.file("\(ranks)-\(choice).json")
        let outcome = try Job.run(
          ranks,
          tuning + [
            "--cache-features", choice, "--run-dir", run, "--timeline", timeline,
          ])
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        // What the steps ran.
        let trace = try String(contentsOfFile: timeline, encoding: .utf8)
        #expect(trace.contains("layer1.0.conv1") == (choice == "off"), "\(choice)")
        #expect(trace.contains("forward of fc"))
        return (run, outcome.standardOutput)
      }
      let reference = try train(2, "off")
      #expect(!reference.text.contains("features"))
      let (digest, metrics) = (try Job.digest(reference.run), try Job.metrics(reference.run))
      for (ranks, choice) in [(1, "on"), (2, "auto"), (3, "on"), (4, "on")] {
        let (run, text) = try train(ranks, choice)
        #expect(text.contains("each epoch runs the classifier alone"), "\(text)")
        #expect(try Job.digest(run) == digest)
        #expect(try Job.metrics(run) == metrics)
      }
      let resumed = folder.file("resumed")
      let outcome = try Job.run(
        3, ["--resume", folder.file("1-on") + "/checkpoints/step-0000007", "--run-dir", resumed])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(outcome.standardOutput.contains("each epoch runs the classifier alone"))
      #expect(try Job.digest(resumed) == digest)
    }

    @Test("where training images are changed at random the evaluated ones' features are kept")
    func cachedEvaluation() throws {
      let folder = try TemporaryDirectory()
      let start = folder.file("start")
      #expect(
        try Job.alone(Job.small + ["--iterations", "4", "--run-dir", start]).exitCode == 0)
      let runs = try ["auto", "off"].map { choice in
        let run = folder.file(choice)
        let outcome = try Job.run(
          2,
          Job.small + [
            "--weights", start, "--freeze", "backbone", "--iterations", "16", "--validation-split",
            "64", "--image-size", "32", "--val-crop-size", "40", "--val-resize-size", "44",
            "--cache-features", choice,
            "--run-dir", run,
          ])
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        #expect(
          outcome.standardOutput.contains("of evaluated images computed once") == (choice == "auto")
        )
        return run
      }
      #expect(try Job.digest(runs[0]) == Job.digest(runs[1]))
      #expect(try Job.metrics(runs[0]) == Job.metrics(runs[1]))
    }

    @Test("frozen layers are tested at another size with their own values")
    func otherTestSize() throws {
      let folder = try TemporaryDirectory()
      let (start, run) = (folder.file("start"), folder.file("run"))
      #expect(
        try Job.alone(Job.small + ["--iterations", "4", "--run-dir", start]).exitCode == 0)
      let outcome = try Job.run(
        2,
        Job.small + [
          "--weights", start, "--freeze", "conv1,bn1,layer2", "--iterations", "8",
          "--image-size", "32", "--val-crop-size", "40", "--val-resize-size", "44", "--run-dir",
          run,
        ])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let test = try #require(try Job.metrics(run).last { $0["split"] == "test" })
      let evaluation = try Job.alone(["eval", "--weights", run, "--json"])
      #expect(evaluation.exitCode == 0, "\(evaluation.standardError)")
      let loss = try #require(try Job.object(evaluation.standardOutput)["loss"] as? Double)
      #expect(test["loss"].flatMap(Double.init).map { abs($0 - loss) < 1e-6 * loss } == true)
    }

    @Test("a lower rate of the backbone moves it less, and 0 leaves its weights")
    func backboneRate() throws {
      let folder = try TemporaryDirectory()
      let start = folder.file("start")
      #expect(
        try Job.alone(Job.small + ["--iterations", "2", "--run-dir", start]).exitCode == 0)
      let run = folder.file("run")
      let outcome = try Job.alone(
        Job.small + [
          "--weights", start, "--lr-backbone", "0", "--iterations", "2", "--run-dir", run,
        ])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let changed = try differences(start, run).filter { !$0.contains("running_") }
      #expect(changed == ["fc.weight", "fc.bias"])
    }

    @Test("images normalized otherwise than for the weights are told")
    func normalization() throws {
      let folder = try TemporaryDirectory()
      let start = folder.file("start")
      #expect(
        try Job.alone(Job.small + ["--iterations", "2", "--run-dir", start]).exitCode == 0)
      let arguments = Job.small + ["--weights", start, "--iterations", "1", "--run-dir"]
      let same = try Job.alone(arguments + [folder.file("same")])
      #expect(same.exitCode == 0 && !same.standardOutput.contains("note:"), "\(same)")
      let other = try Job.run(
        2, arguments + [folder.file("other"), "--mean", "0.1,0.2,0.3", "--std", "none"])
      #expect(
        other.standardOutput.contains("this run has mean 0.1,0.2,0.3 and std 1.0,1.0,1.0"),
        "\(other)")
    }

    @Test(
      "a transfer that cannot be is one clear error",
      arguments: [
        (["--transfer", "head"], ["--transfer", "--weights"]),
        (
          ["--weights", "START", "--transfer", "last", "--train-last", "3"],
          ["--train-last 3", "3 blocks"]
        ),
        (
          ["--weights", "START", "--transfer", "head", "--cache-features", "on"],
          ["--cache-features on", "pad 4 and crop, horizontal flip", "--no-flip"]
        ),
        (
          ["--weights", "START", "--transfer", "last", "--cache-features", "on"],
          ["--cache-features on", "--transfer head"]
        ),
        (
          [
            "--weights", "START", "--transfer", "head", "--cache-features", "on", "--mixup-alpha",
            "1",
          ], ["--cache-features on", "mixup"]
        ),
      ])
    func refusedTransfer(flags: [String], words: [String]) throws {
      let folder = try TemporaryDirectory()
      expectFailure(try Job.run(2, Job.small + flags, in: folder.path), exitCode: 2, naming: words)
    }

    @Test("weights of other classes get a new classifier, and it is said")
    func newClassifier() throws {
      let folder = try TemporaryDirectory()
      let (start, tuned) = (folder.file("start"), folder.file("tuned"))
      #expect(
        try Job.alone(Job.small + ["--iterations", "4", "--run-dir", start]).exitCode == 0)
      // The data set's 10 classes become 2.
      let images = folder.file("images")
      for split in ["train", "test"] {
        for name in ["a", "b"] {
          let path = "\(images)/\(split)/\(name)"
          try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
          for number in 0..<8 {
            try FileManager.default.copyItem(
              atPath: "\(Job.root)/Tests/DatasetsTests/Fixtures/colour.png",
              toPath: "\(path)/\(number).png")
          }
        }
      }
      let tuning = [
        "--dataset", "image-folder", "--data-dir", images, "--image-size", "32", "--model",
        "resnet8",
        "--batch-size", "16", "--iterations", "2", "--weights", start, "--freeze",
        "conv1,bn1,layer1",
      ]
      let outcome = try Job.run(2, tuning + ["--run-dir", tuned])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(
        outcome.standardOutput.contains("with a new classifier: 2 classes instead of 10"))
      let (old, new) = (try tensors(start), try tensors(tuned))
      #expect(new["fc.bias"]?.count == 8)
      for (name, bytes) in old where ["conv1.", "bn1.", "layer1."].contains(where: name.hasPrefix) {
        #expect(new[name] == bytes, "\(name)")
      }
      #expect(new["layer2.0.conv1.weight"] != old["layer2.0.conv1.weight"])
    }
  }
}
