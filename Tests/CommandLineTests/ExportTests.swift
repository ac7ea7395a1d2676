/// `resnet-dist export`: files for other programs, whole or not at all.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct ExportTests {
    @Test("a run becomes an ONNX model and a weights file that is the same network")
    func run() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      #expect(
        try Job.alone(
          Job.small + ["--iterations", "2", "--mean", "0.5,0.25,0.125", "--run-dir", path]
        ).exitCode == 0)
      let onnx = folder.file("model.onnx")
      let weights = folder.file("weights.safetensors")
      let outcome = try Job.alone(["export", path, "--onnx", onnx, "--safetensors", weights])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(outcome.standardOutput.contains(onnx) && outcome.standardOutput.contains(weights))
      #expect(try Job.digest(weights) == Job.digest(path))

      // What onnxruntime makes of such files is checked by Oracles/onnx/check.py.
      let bytes = try Data(contentsOf: URL(fileURLWithPath: onnx))
      for text in [
        "input", "logits", "batch", "layer3.0.shortcut.pads", "layer1.0.bn1.running_var",
        "0.5,0.25,0.125", "class_names", try Job.digest(path),
      ] {
        #expect(bytes.range(of: Data(text.utf8)) != nil, "no \(text)")
      }
      // The weights of the last layer stand in the file as they are in the other one.
      let safetensors = try Data(contentsOf: URL(fileURLWithPath: weights))
      let last = safetensors.suffix(1024)
      #expect(bytes.range(of: last) != nil)
    }

    @Test("what cannot be exported is said once, and nothing is written")
    func refused() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      #expect(
        try Job.alone(Job.small + ["--iterations", "2", "--run-dir", path]).exitCode == 0)
      let weights = "\(path)/checkpoints/step-0000002/weights.safetensors"
      let plain = folder.file("plain.safetensors")
      try FileManager.default.copyItem(atPath: weights, toPath: plain)
      let onnx = folder.file("model.onnx")
      for (arguments, code, words) in [
        ([path], 2, ["--onnx", "--safetensors"]),
        ([path, "--onnx", onnx, "--image-size", "0"], 2, ["--image-size"]),
        ([folder.file("nothing"), "--onnx", onnx], 1, ["nothing"]),
        (
          [plain, "--onnx", onnx, "--model", "resnet20"], 1, ["not of resnet20", "--model resnet8"]
        ),
        ([plain, "--onnx", onnx, "--model", "plain8"], 1, ["resnet8"]),
        ([path, "--onnx", folder.file("no/model.onnx")], 1, ["no/model.onnx"]),
      ] as [([String], Int32, [String])] {
        expectFailure(
          try Job.alone(["export"] + arguments), exitCode: code, naming: words)
      }
      #expect(
        try Set(FileManager.default.contentsOfDirectory(atPath: folder.path))
          == ["run", "plain.safetensors"])
    }
  }
}
