/// Layer responses against PyTorch: `Oracles/evaluation/make_predictions.py`.

import Foundation
import Safetensors
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct ResponsesTests {
    private static let folder = "\(Job.root)/Tests/CommandLineTests/Fixtures/evaluation"
    private static let arguments = [
      "responses", "\(folder)/weights.safetensors", "--dataset", "image-folder", "--data-dir",
      "\(folder)/images", "--mean", "0.5,0.45,0.4", "--std", "0.25,0.2,0.3", "--val-crop-size",
      "32", "--val-resize-size", "40",
    ]

    private func deviations(_ text: String) throws -> [(name: String, value: Double)] {
      let layers = try #require(try Job.object(text)["layers"] as? [[String: Any]])
      return layers.map { ($0["name"] as? String ?? "", $0["std"] as? Double ?? -1) }
    }

    @Test("standard deviations are PyTorch's, on any ranks and batches, in the layers' order")
    func values() throws {
      let json = try String(contentsOfFile: "\(Self.folder)/predictions.json", encoding: .utf8)
      let expected = try #require(Job.object(json)["responses"] as? [String: Double])
      for (ranks, batch) in [(1, 128), (2, 8), (3, 9)] {
        let outcome = try Job.run(
          ranks, Self.arguments + ["--json", "--batch-size", "\(batch)"])
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        let found = try deviations(outcome.standardOutput)
        #expect(found.map(\.name).sorted() == expected.keys.sorted())
        #expect(found.first?.name == "bn1" && found.last?.name == "layer3.0.bn2")
        for (name, value) in found {
          #expect(abs(value - expected[name]!) < 1e-5 * expected[name]!, "\(name): \(value)")
        }
      }
    }

    @Test("any number of ranks has the same digits")
    func ranks() throws {
      let outputs = try [1, 2, 3].map { ranks in
        let outcome = try Job.run(ranks, Self.arguments + ["--json", "--batch-size", "9"])
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        return outcome.standardOutput
      }
      #expect(Set(outputs).count == 1, "\(outputs)")
    }

    @Test("a layer whose output is not a number has null")
    func notANumber() throws {
      let folder = try TemporaryDirectory()
      let file = try SafetensorsFile(contentsOf: "\(Self.folder)/weights.safetensors")
      let damaged = folder.file("damaged.safetensors")
      let tensors = try file.names.map { name in
        let shape = try file.entry(name).shape
        var values = try file.float32(name)
        // Weights must be finite; this one's products are not.
        if name == "layer3.0.bn2.weight" { values[1] = 3e38 }
        return TensorContent(name, shape: shape, float32: values)
      }
      try SafetensorsWriter.write(tensors, metadata: file.metadata, toPath: damaged)
      let outcome = try Job.run(
        2, Self.arguments.map { $0.hasSuffix(".safetensors") ? damaged : $0 } + ["--json"])
      try #require(outcome.exitCode == 0, "\(outcome.standardError)")
      let found = outcome.standardOutput
      #expect(found.contains(#"{"name":"layer3.0.bn2","std":null}"#), "\(found)")
      #expect(found.components(separatedBy: "null").count == 2, "\(found)")
    }

    @Test("networks are shown side by side and as a page")
    func page() throws {
      let folder = try TemporaryDirectory()
      let page = folder.file("figure7.html")
      let outcome = try Job.alone(
        Self.arguments + ["\(Self.folder)/weights.safetensors", "--html", page])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(outcome.standardOutput.contains("| layer | resnet8 | std | resnet8 | std |"))
      let html = try String(contentsOfFile: page, encoding: .utf8)
      #expect(html.components(separatedBy: "<polyline").count == 5)
      expectFailure(
        try Job.run(2, ["responses", folder.file("none")]), exitCode: 1, naming: ["none"])
    }
  }
}
