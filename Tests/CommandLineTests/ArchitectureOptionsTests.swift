/// Options of the architecture and the loss, from the command line to checkpoints and back.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct ArchitectureOptionsTests {
    /// A bottleneck network that trains in a second.
    static let model = [
      "--dataset", "synthetic", "--model", "resnext29_1x2d", "--train-limit", "64",
      "--test-limit", "32", "--batch-size", "16",
    ]

    @Test("a run's options stand in its files, and eval, --weights and --resume keep to them")
    func run() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      let options = [
        "--stride-placement", "v1", "--label-smoothing", "0.1", "--zero-init-residual",
      ]
      let outcome = try Job.run(
        2, Self.model + options + ["--iterations", "4", "--run-dir", path])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      for part in ["stride in the first 1×1", "label smoothing  0.1", "scale of each residual"] {
        #expect(outcome.standardOutput.contains(part), "\(outcome.standardOutput)")
      }
      let config = try String(contentsOfFile: "\(path)/config.yaml", encoding: .utf8)
      for line in ["stride-placement: 1x1", "label-smoothing: 0.1", "zero-init-residual: true"] {
        #expect(config.contains(line), "no '\(line)' in:\n\(config)")
      }
      // Another stride computes something else from the same tensors; the loss tells.
      let trained = try #require(try Job.metrics(path).last?["loss"])
      let evaluation = try Job.alone(["eval", "--weights", path, "--json"])
      #expect("\(try Job.object(evaluation.standardOutput)["loss"]!)" == trained)

      // A checkpoint alone says which network it is of.
      let copy = folder.file("copy")
      try FileManager.default.copyItem(atPath: "\(path)/checkpoints/step-0000004", toPath: copy)
      let alone = try Job.alone([
        "eval", "--weights", copy, "--json", "--dataset", "synthetic", "--test-limit", "32",
        "--batch-size", "16",
      ])
      #expect(alone.exitCode == 0, "\(alone.standardError)")
      #expect("\(try Job.object(alone.standardOutput)["loss"]!)" == trained)

      let weights = "\(copy)/weights.safetensors"
      expectFailure(
        try Job.alone(Self.model + ["--weights", weights], in: folder.path), exitCode: 1,
        naming: ["--stride-placement 1x1"])
      expectFailure(
        try Job.alone(["--resume", path, "--stride-placement", "3x3", "--iterations", "6"]),
        exitCode: 2, naming: ["--stride-placement 1x1"])
    }

    @Test("inspect --model prints the layers without weights")
    func table() throws {
      let outcome = try Job.alone(["inspect", "--model", "resnet50"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let lines = outcome.standardOutput.split(separator: "\n")
      #expect(
        lines.contains { $0.hasPrefix("conv1 ") && $0.contains("112×112×64  7×7, 64, stride 2") })
      let total = lines.last.map { $0.split(separator: " ") }
      #expect(total == ["total", "25,557,032", "4,089,184,256"])

      let json = try Job.alone([
        "inspect", "--model", "resnet50", "--stride-placement", "1x1", "--classes", "10",
        "--image-size", "64", "--json",
      ])
      let object = try Job.object(json.standardOutput)
      #expect(object["parameters"] as? Int == 25_557_032 - 990 * 2049)
      #expect(object["input"] as? [Int] == [3, 64, 64] && object["classes"] as? Int == 10)
      let layers = try #require(object["layers"] as? [[String: Any]])
      #expect(layers.count == 56)
      let strided = layers.first { $0["name"] as? String == "layer2.0.conv1" }
      #expect(strided?["output"] as? [Int] == [128, 8, 8])
      #expect(
        layers.reduce(0) { $0 + ($1["multiply_adds"] as? Int ?? 0) }
          == object["multiply_adds"] as? Int)
    }
  }
}
