/// Predictions for image files, against PyTorch: `Oracles/evaluation/make_predictions.py`.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct PredictTests {
    private static let folder = "\(Job.root)/Tests/CommandLineTests/Fixtures/evaluation"
    private static let arguments = [
      "predict", "--weights", "\(folder)/weights.safetensors", "--mean", "0.5,0.45,0.4", "--std",
      "0.25,0.2,0.3", "--val-crop-size", "32", "--val-resize-size", "40",
    ]

    private struct Expected: Decodable {
      let probabilities: [Double]
      let features: [Float]
    }

    private struct Line: Decodable {
      struct Guess: Decodable {
        let index: Int
        let `class`: String
        let probability: Double
      }
      let image: String
      let top: [Guess]
    }

    private static func expected() throws -> [String: Expected] {
      let json = try String(contentsOfFile: "\(folder)/predictions.json", encoding: .utf8)
      let images = try Job.object(json).filter { $0.key.hasPrefix("images/") }
      return try JSONDecoder().decode(
        [String: Expected].self, from: JSONSerialization.data(withJSONObject: images))
    }

    private func lines(_ text: String) throws -> [Line] {
      try text.split(separator: "\n").map {
        try JSONDecoder().decode(Line.self, from: Data($0.utf8))
      }
    }

    @Test(
      "probabilities and features are PyTorch's, the same on any ranks; the network is recognized")
    func values() throws {
      let expected = try Self.expected()
      let folder = try TemporaryDirectory()
      var texts: Set<String> = []
      var arrays: Set<Data> = []
      for (ranks, batch) in [(1, 128), (2, 8), (3, 3), (4, 128)] {
        let features = folder.file("features-\(ranks).npy")
        let outcome = try Job.run(
          ranks,
          Self.arguments + [
            "--batch-size", "\(batch)", "--json", "--top", "9", "--features", features,
            "\(Self.folder)/images",
          ])
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        texts.insert(outcome.standardOutput)
        arrays.insert(try Data(contentsOf: URL(fileURLWithPath: features)))
      }
      #expect(texts.count == 1 && arrays.count == 1)
      let lines = try lines(texts.first ?? "")
      #expect(lines.map(\.image) == expected.keys.sorted().map { "\(Self.folder)/\($0)" })
      let array = arrays.first ?? Data()
      #expect(array.starts(with: [0x93] + Array("NUMPY".utf8) + [1, 0]))
      let header = String(decoding: array[10..<128], as: UTF8.self)
      #expect(
        header.hasPrefix("{'descr': '<f4', 'fortran_order': False, 'shape': (10, 64), }"))
      let floats = array.dropFirst(128).withUnsafeBytes { bytes in
        (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
      }
      #expect(floats.count == 640)
      for (row, line) in lines.enumerated() {
        let own = try #require(expected[String(line.image.dropFirst(Self.folder.count + 1))])
        #expect(line.top.count == 5 && line.top.map(\.index).sorted() == Array(0..<5))
        #expect(line.top.map(\.probability) == line.top.map(\.probability).sorted(by: >))
        for guess in line.top {
          #expect(guess.class == "\(guess.index)")
          #expect(abs(guess.probability - own.probabilities[guess.index]) < 1e-5)
        }
        let scale = own.features.map(abs).max()!
        for (found, expected) in zip(floats[row * 64..<(row + 1) * 64], own.features) {
          #expect(abs(found - expected) < 1e-5 * scale)
        }
      }
    }

    @Test("a run brings its classes, its normalization and the size of its images")
    func run() throws {
      let folder = try TemporaryDirectory()
      let run = folder.file("run")
      #expect(
        try Job.alone(Job.small + ["--iterations", "4", "--run-dir", run]).exitCode == 0)
      let image = "\(Self.folder)/images/class-1/1.png"
      let outcome = try Job.run(2, ["predict", "--weights", run, "--top", "2", image, image])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(outcome.standardOutput.contains("shorter side to 32, centre of 32×32"))
      #expect(outcome.standardOutput.matches(of: /class [0-9]\n/).count == 4, "\(outcome)")
      let names = folder.file("names.txt")
      try (0..<10).map { "kind \"\($0)\", large\n" }.joined().write(
        toFile: names, atomically: true, encoding: .utf8)
      let csv = try Job.alone([
        "predict", "--weights", run, "--top", "1", "--csv", "--classes", names, image,
      ])
      #expect(csv.standardOutput.hasPrefix("image,rank,index,class,probability\n\(image),1,"))
      #expect(csv.standardOutput.contains("\"kind \"\""), "\(csv)")
    }

    @Test("images that are none and names that do not fit are one clear error from all ranks")
    func refused() throws {
      let folder = try TemporaryDirectory()
      let (text, names) = (folder.file("text.png"), folder.file("names.txt"))
      try "no image".write(toFile: text, atomically: true, encoding: .utf8)
      try "one\ntwo\n".write(toFile: names, atomically: true, encoding: .utf8)
      let empty = folder.file("empty")
      try FileManager.default.createDirectory(atPath: empty, withIntermediateDirectories: true)
      let image = "\(Self.folder)/images/class-0/0.png"
      let wrong: [(arguments: [String], code: Int32, words: [String])] = [
        ([image, text], 1, ["cannot decode \(text)"]),
        ([empty], 1, [empty, "no JPEG or PNG"]), ([folder.file("none.jpg")], 1, ["none.jpg"]),
        (["--classes", names, image], 2, ["2 class names", "5 classes"]),
        (["--classes", folder.file("none"), image], 2, ["class names", "none"]),
        (["--json", "--csv", image], 2, ["--json", "--csv"]), ([], 2, ["files or folders"]),
      ]
      for (arguments, code, words) in wrong {
        expectFailure(try Job.run(2, Self.arguments + arguments), exitCode: code, naming: words)
      }
      expectFailure(
        try Job.run(2, ["predict", "--weights", folder.file("none"), image]), exitCode: 1,
        naming: ["there is no checkpoint at", "none"])
    }
  }
}
