/// `resnet-dist export`: files for other programs, whole or not at all.

import Foundation
import Safetensors
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

    @Test("an exported file is tested and predicts as its run does, unless flags say otherwise")
    func images() throws {
      let folder = try TemporaryDirectory()
      let images = "\(Job.root)/Tests/CommandLineTests/Fixtures/evaluation/images"
      let (run, exported) = (folder.file("run"), folder.file("exported.safetensors"))
      let trained = try Job.alone([
        "--model", "resnet8", "--dataset", "image-folder", "--data-dir", images, "--val-dir",
        images, "--image-size", "32", "--val-resize-size", "40", "--interpolation", "bicubic",
        "--exif-transpose", "--batch-size", "8", "--iterations", "2", "--run-dir", run,
      ])
      try #require(trained.exitCode == 0, "\(trained.standardError)")
      #expect(try Job.alone(["export", run, "--safetensors", exported]).exitCode == 0)
      let metadata = try SafetensorsFile(contentsOf: exported).metadata
      for (key, value) in [
        ("crop", "32"), ("resize", "40"), ("interpolation", "bicubic"), ("exif_transpose", "true"),
      ] { #expect(metadata[key] == value, "\(key)") }

      let own = ["eval", "--weights", exported, "--dataset", "image-folder", "--data-dir", images]
      func loss(_ arguments: [String]) throws -> Double {
        let outcome = try Job.alone(arguments + ["--json"])
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        return try #require(Job.object(outcome.standardOutput)["loss"] as? Double)
      }
      #expect(abs(try loss(own) - loss(["eval", "--weights", run])) < 1e-9)
      for (flags, words) in [
        ([], "shorter side to 40, centre of 32×32, bicubic"),
        (["--interpolation", "bilinear"], "shorter side to 40, centre of 32×32"),
        (
          ["--val-crop-size", "24", "--val-resize-size", "28"],
          "shorter side to 28, centre of 24×24"
        ),
        (["--image-size", "56"], "shorter side to 64, centre of 56×56"),
      ] {
        let text = try Job.alone(own + flags).standardOutput
        #expect(text.contains("test images") && text.contains(words), "\(words): \(text)")
        #expect(text.contains("bicubic") == !flags.contains("bilinear"), "\(text)")
      }
      // A photograph that lies on its side.
      let turned = "\(Job.root)/Tests/DatasetsTests/Fixtures/turned-6.jpg"
      let predictions = try [run, exported].map {
        try Job.alone(["predict", "--json", "--weights", $0, turned]).standardOutput
      }
      #expect(Set(predictions).count == 1 && !predictions[0].isEmpty, "\(predictions)")
      let lying = try Job.alone([
        "predict", "--json", "--weights", exported, "--no-exif-transpose", turned,
      ])
      #expect(lying.exitCode == 0 && lying.standardOutput != predictions[0])
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
