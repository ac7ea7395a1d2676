/// The tests of the papers against torchvision: `Oracles/evaluation/make_protocols.py`.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct EvaluationViewsTests {
    private static let folder = "\(Job.root)/Tests/CommandLineTests/Fixtures/evaluation"
    private static let weights = ["--weights", "\(folder)/weights.safetensors"]
    private static let network = ["--model", "resnet8", "--shortcut", "B"]
    private static let images = [
      "--dataset", "image-folder", "--data-dir", "\(folder)/images", "--mean", "0.5,0.45,0.4",
      "--std", "0.25,0.2,0.3", "--val-crop-size", "32", "--val-resize-size", "40",
    ]

    private func evaluate(_ ranks: Int, _ arguments: [String]) throws -> [String: Any] {
      let outcome = try Job.run(
        ranks, ["eval", "--json"] + Self.network + Self.images + arguments)
      try #require(outcome.exitCode == 0, "\(outcome.standardError)")
      return try Job.object(outcome.standardOutput)
    }

    private static func expected(_ name: String) throws -> [String: Double] {
      let json = try String(contentsOfFile: "\(folder)/expected.json", encoding: .utf8)
      return try #require(Job.object(json)[name] as? [String: Double])
    }

    static let protocols: [(name: String, flags: [String], views: Int)] = [
      ("center", [], 1), ("center", ["--crops", "1"], 1), ("ten-crops", ["--crops", "10"], 10),
      ("dense", ["--dense", "--scales", "36,47"], 4),
    ]

    @Test("counts and loss are torchvision's", arguments: protocols)
    func values(name: String, flags: [String], views: Int) throws {
      let expected = try Self.expected(name)
      for members in [1, 2] {
        let weights = Array(repeating: Self.weights, count: members).flatMap(\.self)
        let result = try evaluate(2, weights + flags)
        #expect(result["samples"] as? Int == 10)
        #expect(result["views"] as? Int == views)
        #expect(result["top1"] as? Double == expected["top1"]! / 10)
        #expect(result["top5"] as? Double == expected["top5"]! / 10)
        let loss = try #require(result["loss"] as? Double)
        #expect(abs(loss - expected["loss"]!) < 1e-4 * loss, "\(loss), not \(expected["loss"]!)")
      }
    }

    @Test("any number of ranks and threads gives the same result", arguments: protocols.suffix(2))
    func ranks(name: String, flags: [String], views: Int) throws {
      var results: Set<String> = []
      for (ranks, threads, batch) in [(1, 1, 8), (2, 1, 8), (4, 1, 8), (8, 1, 8), (3, 2, 8)] {
        let result = try evaluate(
          ranks,
          Self.weights + flags + ["--threads", "\(threads)", "--batch-size", "\(batch)"])
        results.insert("\(result["top1"]!) \(result["top5"]!) \(result["loss"]!)")
      }
      #expect(results.count == 1, "\(results)")
    }

    @Test("a protocol that does not suit the network or the images is refused")
    func refusals() throws {
      let wrong: [(arguments: [String], words: [String])] = [
        (["--crops", "7"], ["--crops", "1 or 10", "7"]),
        (["--crops", "10", "--dense"], ["--crops", "--dense"]),
        (["--scales", "32"], ["--scales", "--dense"]),
        (["--dense", "--scales", "32,x"], ["--scales 32,x"]),
        (["--dense", "--scales", "40,40"], ["--scales 40,40"]),
        (["--dense", "--scales", "40,28"], ["28×28", "--scales"]),
        (["--dense"], ["resnet8", "--dense --scales"]),
      ]
      for (arguments, words) in wrong {
        expectFailure(
          try Job.run(
            2, ["eval"] + Self.network + Self.images + Self.weights + arguments,
            timeout: Job.patience), exitCode: 2, naming: words)
      }
      let folder = try TemporaryDirectory()
      let run = folder.file("run")
      let trained = try Job.alone(Job.small + ["--iterations", "1", "--run-dir", run])
      try #require(trained.exitCode == 0, "\(trained.standardError)")
      expectFailure(
        try Job.run(2, ["eval", "--weights", run, "--crops", "10"], timeout: Job.patience),
        exitCode: 2, naming: ["--crops 10", "--val-crop-size"])
      // Small images of one size have crops where they are told to.
      let crops = try Job.run(
        2, ["eval", "--weights", run, "--crops", "10", "--val-crop-size", "28", "--json"])
      #expect(crops.exitCode == 0, "\(crops.standardError)")
      #expect(try Job.object(crops.standardOutput)["samples"] as? Int == 96)
    }

    @Test("a run on small images with a mean image is tested densely, the same on any ranks")
    func smallImages() throws {
      let folder = try TemporaryDirectory()
      let run = folder.file("run")
      let trained = try Job.run(
        2, Job.small + ["--iterations", "12", "--mean", "per-pixel", "--run-dir", run])
      try #require(trained.exitCode == 0, "\(trained.standardError)")
      let flags = ["eval", "--weights", run, "--dense", "--scales", "32,37"]
      let results = try [1, 3].map { ranks in
        let outcome = try Job.run(ranks, flags + ["--json"])
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        return outcome.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
      }
      #expect(results[0] == results[1])
      #expect(try Job.object(results[0])["samples"] as? Int == 96)
      let text = try Job.alone(flags).standardOutput
      #expect(text.contains("4 of each image"), "\(text)")
    }

    @Test("an image that cannot be decoded ends all ranks with its name", arguments: [0, 2, 3])
    func damaged(index: Int) throws {
      let folder = try TemporaryDirectory()
      let images = folder.file("images")
      try FileManager.default.copyItem(atPath: "\(Self.folder)/images", toPath: images)
      let path = "\(images)/class-3/8.png"
      let whole = try Data(contentsOf: URL(fileURLWithPath: path))
      try whole[..<(whole.count / 2)].write(to: URL(fileURLWithPath: path))
      let data = Self.images.map { $0 == "\(Self.folder)/images" ? images : $0 }
      expectFailure(
        try Job.run(
          4, ["eval"] + Self.network + data + Self.weights + Self.protocols[index].flags,
          timeout: Job.patience), exitCode: 1, naming: ["class-3/8.png"])
    }
  }
}
