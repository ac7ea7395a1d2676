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

    private static let normalization = ["--mean", "0.5,0.25,0.125", "--std", "0.25,0.2,0.3"]

    /// Trains on `flags`; the run folder and a file that is exported from it.
    private func train(
      _ folder: TemporaryDirectory, _ flags: [String]
    ) throws -> (run: String, exported: String) {
      let (run, exported) = (folder.file("run"), folder.file("exported.safetensors"))
      let trained = try Job.alone(Job.small + ["--iterations", "2", "--run-dir", run] + flags)
      try #require(trained.exitCode == 0, "\(trained.standardError)")
      let outcome = try Job.alone(["export", run, "--safetensors", exported])
      try #require(outcome.exitCode == 0, "\(outcome.standardError)")
      return (run, exported)
    }

    /// The loss of weights on the synthetic test images.
    private func loss(_ weights: String, _ flags: [String] = []) throws -> Double {
      let outcome = try Job.alone(
        ["eval", "--weights", weights, "--dataset", "synthetic", "--test-limit", "96", "--json"]
          + flags)
      try #require(outcome.exitCode == 0, "\(outcome.standardError)")
      return try #require(Job.object(outcome.standardOutput)["loss"] as? Double)
    }

    @Test("where mean or deviation alone is given, the other is what the weights say")
    func halfNormalization() throws {
      let folder = try TemporaryDirectory()
      let (run, exported) = try train(folder, Self.normalization)
      let other = ["--mean", "0.1,0.2,0.3", "--std", "0.5,0.4,0.3"]
      for (given, whole) in [
        (["--mean", other[1]], ["--mean", other[1], "--std", Self.normalization[3]]),
        (["--std", other[3]], ["--mean", Self.normalization[1], "--std", other[3]]),
      ] {
        let expected = try loss(exported, whole)
        for weights in [run, exported] {
          #expect(try abs(loss(weights, given) - expected) < 1e-12)
        }
        #expect(try loss(exported) != expected)
        let image = "\(Job.root)/Tests/CommandLineTests/Fixtures/evaluation/images/class-3/8.png"
        let predictions = try [given, whole].map {
          try Job.alone(["predict", "--json", "--weights", exported, image] + $0)
        }
        #expect(predictions[0].exitCode == 0, "\(predictions[0].standardError)")
        #expect(predictions[0].standardOutput == predictions[1].standardOutput)
      }
    }

    @Test("a mean image goes with the exported file, for images of its size")
    func meanImage() throws {
      let folder = try TemporaryDirectory()
      let (run, exported) = try train(folder, ["--mean", "per-pixel"])
      let file = try SafetensorsFile(contentsOf: exported)
      #expect(file.metadata["mean_shape"] == "3,32,32")
      #expect(!file.contains("mean"), "PyTorch's load_state_dict is strict")
      // A file's images come in other batches than a run's, so their losses are added in another order.
      for flags in [[], ["--std", "0.5,0.4,0.3"]] {
        #expect(try abs(loss(exported, flags) - loss(run, flags)) < 1e-12)
      }
      let onnx = folder.file("model.onnx")
      #expect(try Job.alone(["export", exported, "--onnx", onnx]).exitCode == 0)
      let image = "\(Job.root)/Tests/CommandLineTests/Fixtures/evaluation/images/class-3/8.png"
      let predictions = try [run, exported].map {
        try Job.alone(["predict", "--json", "--weights", $0, image])
      }
      #expect(predictions[1].exitCode == 0, "\(predictions[1].standardError)")
      #expect(predictions[0].standardOutput == predictions[1].standardOutput)
      let other = [
        "predict", "--weights", exported, image, "--val-crop-size", "24", "--val-resize-size",
        "28",
      ]
      expectFailure(
        try Job.alone(other), exitCode: 2,
        naming: [exported, "mean image of 32×32", "24×24", "--mean"])
      #expect(try Job.alone(other + ["--mean", "none"]).exitCode == 0)
    }

    @Test("the size of an ONNX model's images costs no memory")
    func largeImages() throws {
      let folder = try TemporaryDirectory()
      let (run, _) = try train(folder, [])
      let arguments = ["export", run, "--onnx", folder.file("model.onnx"), "--image-size"]
      let outcome = try Job.alone(arguments + ["16384"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      expectFailure(
        try Job.alone(arguments + ["16385"]), exitCode: 2, naming: ["--image-size", "16384"])
    }

    @Test("an output replaces no other one, nothing that is read and nothing of a run")
    func outputs() throws {
      let folder = try TemporaryDirectory()
      let (run, exported) = try train(folder, [])
      let checkpoint = "\(run)/checkpoints/step-0000002/weights.safetensors"
      let link = folder.file("link")
      try FileManager.default.createSymbolicLink(
        atPath: link, withDestinationPath: "\(run)/config.yaml")
      let before = try [checkpoint, "\(run)/config.yaml", exported].map {
        try Data(contentsOf: URL(fileURLWithPath: $0))
      }
      let (onnx, same) = (folder.file("x"), "\(folder.path)/./run/../x")
      for (arguments, words) in [
        (
          ["export", run, "--onnx", onnx, "--safetensors", same],
          ["--onnx and --safetensors", "the same file"]
        ),
        (
          ["export", run, "--safetensors", checkpoint],
          ["--safetensors", checkpoint, "the run in"]
        ),
        (["export", exported, "--onnx", "\(run)/config.yaml"], ["--onnx", "config.yaml"]),
        (["export", exported, "--onnx", link], ["--onnx", link, "the run in"]),
        (["export", exported, "--onnx", "\(run)/best"], ["\(run)/best"]),
        (["export", exported, "--onnx", exported], [exported, "is read"]),
        (
          ["eval", "--weights", run, "--report", onnx, "--predictions", onnx],
          ["--predictions and --report", "the same file"]
        ),
        (["eval", "--weights", run, "--report", "\(run)/report.html"], ["report.html"]),
      ] as [([String], [String])] {
        expectFailure(try Job.alone(arguments), exitCode: 2, naming: words)
      }
      let after = try [checkpoint, "\(run)/config.yaml", exported].map {
        try Data(contentsOf: URL(fileURLWithPath: $0))
      }
      #expect(before == after && !FileManager.default.fileExists(atPath: onnx))
      // A name that no run gives.
      let model = "\(run)/model.onnx"
      #expect(try Job.alone(["export", run, "--onnx", model]).exitCode == 0)
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
