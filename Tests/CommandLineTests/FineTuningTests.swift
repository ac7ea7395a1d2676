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

    @Test("a new classifier is trained on the other weights, and must be requested")
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
      expectFailure(
        try Job.run(2, tuning, in: folder.path), exitCode: 2,
        naming: ["10 classes", "2: use --new-classifier"])
      let outcome = try Job.run(2, tuning + ["--new-classifier", "--run-dir", tuned])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(outcome.standardOutput.contains("with a new classifier"))
      let (old, new) = (try tensors(start), try tensors(tuned))
      #expect(new["fc.bias"]?.count == 8)
      for (name, bytes) in old where ["conv1.", "bn1.", "layer1."].contains(where: name.hasPrefix) {
        #expect(new[name] == bytes, "\(name)")
      }
      #expect(new["layer2.0.conv1.weight"] != old["layer2.0.conv1.weight"])
    }
  }
}
