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

    @Test("scores that are not numbers are null in JSON and nan in tables")
    func notNumbers() throws {
      let image = "\(Self.folder)/images/class-1/1.png"
      // Too large for Float.
      let arguments = [
        "predict", "--weights", "\(Self.folder)/weights.safetensors", "--mean", "0,0,0", "--std",
        "3e-39,3e-39,3e-39", "--val-crop-size", "32", "--val-resize-size", "40", image,
      ]
      let json = try Job.run(2, arguments + ["--json", "--top", "2"])
      #expect(json.exitCode == 0 && !json.standardError.contains("MPI_ABORT"), "\(json)")
      let top = try #require(Job.object(json.standardOutput)["top"] as? [[String: Any]])
      #expect(top.count == 2 && top.allSatisfy { $0["probability"] is NSNull }, "\(json)")
      let csv = try Job.run(2, arguments + ["--csv", "--top", "1"])
      #expect(csv.standardOutput.contains("\(image),1,0,0,nan"), "\(csv)")
      let table = try Job.alone(arguments + ["--top", "1"])
      #expect(table.standardOutput.contains("1.png  nan  0\n"), "\(table)")
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

    @Test(
      "what is said of an image does not depend on the images beside it, nor on how it was saved")
    func independent() throws {
      let folder = try TemporaryDirectory()
      let run = folder.file("run")
      #expect(
        try Job.alone(
          Job.small + [
            "--iterations", "2", "--mean", "0.5,0.45,0.4", "--std", "0.25,0.2,0.3", "--run-dir",
            run,
          ]
        ).exitCode == 0)
      let exported = folder.file("exported.safetensors")
      #expect(try Job.alone(["export", run, "--safetensors", exported]).exitCode == 0)
      let images = try FileManager.default.contentsOfDirectory(
        atPath: "\(Self.folder)/images/class-0"
      ).sorted().prefix(2).map { "\(Self.folder)/images/class-0/\($0)" }
      func answers(_ arguments: [String]) throws -> [Substring] {
        let outcome = try Job.run(2, ["predict", "--json"] + arguments)
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        return outcome.standardOutput.split(separator: "\n")
      }
      let together = try answers(["--weights", run] + images)
      #expect(together.count == 2)
      for (image, line) in zip(images, together) {
        #expect(try answers(["--weights", run, image]) == [line])
        #expect(try answers(["--weights", exported, image]) == [line])
      }
    }

    @Test("images are resized as in the tests of the run, and by ImageNet's custom for plain files")
    func sizes() throws {
      let folder = try TemporaryDirectory()
      let run = folder.file("run")
      let trained = try Job.alone([
        "--model", "resnet8", "--dataset", "image-folder", "--data-dir", "\(Self.folder)/images",
        "--val-dir", "\(Self.folder)/images", "--image-size", "32", "--val-resize-size", "40",
        "--batch-size", "8", "--iterations", "1", "--run-dir", run,
      ])
      #expect(trained.exitCode == 0, "\(trained.standardError)")
      let image = "\(Self.folder)/images/class-1/1.png"
      let predicted = try Job.alone(["predict", "--weights", run, image])
      #expect(
        predicted.standardOutput.contains("shorter side to 40, centre of 32×32"), "\(predicted)")
      let eval = try Job.alone([
        "eval", "--weights", run, "--dataset", "image-folder", "--data-dir",
        "\(Self.folder)/images", "--image-size", "32", "--val-resize-size", "40",
      ])
      #expect(eval.exitCode == 0, "\(eval.standardError)")
      let given = try Job.alone([
        "predict", "--weights", run, "--val-crop-size", "24", "--val-resize-size", "24", image,
      ])
      #expect(given.standardOutput.contains("shorter side to 24, centre of 24×24"), "\(given)")

      let plain = folder.file("resnet18.safetensors")
      #expect(
        try Job.alone([
          "train", "--model", "resnet18", "--dataset", "image-folder", "--data-dir",
          "\(Self.folder)/images", "--val-dir", "\(Self.folder)/images", "--image-size", "32",
          "--batch-size", "8", "--iterations", "1", "--run-dir", folder.file("imagenet"),
        ]).exitCode == 0)
      try FileManager.default.copyItem(
        atPath: folder.file("imagenet/checkpoints/step-0000001/weights.safetensors"), toPath: plain)
      let assumed = try Job.alone(["predict", "--weights", plain, "--top", "1", image])
      #expect(
        assumed.standardOutput.contains("shorter side to 256, centre of 224×224, normalized with "),
        "\(assumed)")
      let stated = try Job.alone([
        "predict", "--weights", plain, "--top", "1", "--mean", "0.485,0.456,0.406", "--std",
        "0.229,0.224,0.225", image,
      ])
      func rows(_ outcome: ProcessRunner.Outcome) -> ArraySlice<Substring> {
        outcome.standardOutput.split(separator: "\n").dropFirst()
      }
      #expect(rows(assumed) == rows(stated) && !rows(stated).isEmpty)
      expectFailure(
        try Job.alone(["predict", "--weights", "\(Self.folder)/weights.safetensors", image]),
        exitCode: 2, naming: ["does not say how", "--mean"])
    }

    @Test("images that are not square are seen as in the run's tests, whole")
    func oblong() throws {
      let folder = try TemporaryDirectory()
      let (images, run) = (folder.file("images"), folder.file("run"))
      let fixtures = "\(Job.root)/Tests/DatasetsTests/Fixtures"
      for (name, kind) in [("colour", "a"), ("grey", "b")] {
        try FileManager.default.createDirectory(
          atPath: "\(images)/\(kind)", withIntermediateDirectories: true)
        for number in 0..<8 {
          try FileManager.default.copyItem(
            atPath: "\(fixtures)/\(name).png", toPath: "\(images)/\(kind)/\(number).png")
        }
      }
      let trained = try Job.alone([
        "--model", "resnet8", "--dataset", "image-folder", "--data-dir", images, "--batch-size",
        "8", "--iterations", "6", "--lr", "0.01", "--run-dir", run,
      ])
      try #require(trained.exitCode == 0, "\(trained.standardError)")
      let table = folder.file("test.csv")
      let eval = try Job.alone(["eval", "--weights", run, "--predictions", table])
      #expect(eval.standardOutput.contains("24×40, as they are"), "\(eval)")
      func rows(_ text: String) -> [[Substring]] {
        text.split(separator: "\n").dropFirst().map { $0.split(separator: ",") }
      }
      func predict(_ weights: String) throws -> String {
        let outcome = try Job.run(
          2, ["predict", "--csv", "--top", "1", "--weights", weights, images])
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        return outcome.standardOutput.replacing("\r\n", with: "\n")
      }
      let predicted = try predict(run)
      let tested = rows(try String(contentsOfFile: table, encoding: .utf8))
      #expect(tested.count == 16 && rows(predicted).count == 16)
      for (own, test) in zip(rows(predicted), tested) {
        #expect(own[0].hasSuffix(test[0].suffix(7)) && own[3] == test[2], "\(own) \(test)")
        let (probability, expected) = (Double(own[4]) ?? 0, Double(test[3]) ?? 1)
        #expect(abs(probability - expected) < 1e-5, "\(own) \(test)")
      }
      let exported = folder.file("exported.safetensors")
      #expect(try Job.alone(["export", run, "--safetensors", exported]).exitCode == 0)
      #expect(try predict(exported) == predicted)
      // Others are resized to that.
      let other = "\(Self.folder)/images/class-1/1.png"
      let resized = try Job.alone(["predict", "--weights", run, other])
      #expect(resized.standardOutput.contains("resized to 24×40"), "\(resized)")

      // A checkpoint from before height and width were recorded.
      let checkpoint = "\(run)/checkpoints/step-0000006"
      let json = try String(contentsOfFile: "\(checkpoint)/checkpoint.json", encoding: .utf8)
      let lines = json.split(separator: "\n").filter {
        !$0.contains("\"input_height\"") && !$0.contains("\"input_width\"")
      }
      #expect(lines.count == json.split(separator: "\n").count - 2)
      try lines.joined(separator: "\n").write(
        toFile: "\(checkpoint)/checkpoint.json", atomically: true, encoding: .utf8)
      try FileManager.default.removeItem(atPath: "\(checkpoint)/checkpoint.json.sha256")
      expectFailure(
        try Job.run(2, ["predict", "--weights", run, other]), exitCode: 2,
        naming: ["does not say the size", "--val-crop-size"])
      let given = try Job.alone([
        "predict", "--weights", run, "--val-crop-size", "24", "--val-resize-size", "24", other,
      ])
      #expect(given.standardOutput.contains("centre of 24×24"), "\(given)")
    }

    @Test("with --on-bad-image skip, files that are no images are reported and left out")
    func skipped() throws {
      let folder = try TemporaryDirectory()
      let text = folder.file("text.png")
      try "no image".write(toFile: text, atomically: true, encoding: .utf8)
      let images = ["0", "5"].map { "\(Self.folder)/images/class-0/\($0).png" }
      var outputs: Set<String> = []
      for ranks in [1, 3] {
        let features = folder.file("features-\(ranks).npy")
        let outcome = try Job.run(
          ranks,
          Self.arguments + [
            "--on-bad-image", "skip", "--json", "--features", features, images[0], text, images[1],
          ])
        #expect(outcome.exitCode == 0)
        #expect(outcome.standardError.contains("skipped: cannot decode \(text)"), "\(outcome)")
        outputs.insert(outcome.standardOutput)
        let array = try Data(contentsOf: URL(fileURLWithPath: features))
        #expect(array.count == 128 + 2 * 64 * 4)
      }
      #expect(try outputs.count == 1 && lines(outputs.first ?? "").map(\.image) == images)
      #expect(
        outputs.first == (try Job.alone(Self.arguments + ["--json"] + images)).standardOutput)
    }

    @Test("a file of names may have Windows' line ends and byte order mark")
    func windowsNames() throws {
      let folder = try TemporaryDirectory()
      let names = folder.file("names.txt")
      try ("\u{FEFF}" + (0..<5).map { "name \($0)\r\n" }.joined()).write(
        toFile: names, atomically: true, encoding: .utf8)
      let outcome = try Job.alone(
        Self.arguments + ["--classes", names, "--json", "\(Self.folder)/images/class-1/1.png"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let classes = try lines(outcome.standardOutput).first?.top.map(\.class).sorted()
      #expect(classes == (0..<5).map { "name \($0)" })
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
      let unknown = folder.file("unknown.safetensors")
      let header = #"{"fc.bias":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#
      var file = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
      file += Data(header.utf8) + Data(count: 4)
      try file.write(to: URL(fileURLWithPath: unknown))
      // The same whoever reads it, and before class names are compared.
      for command in [
        ["predict", image], ["predict", "--classes", names, image],
        ["eval", "--dataset", "synthetic"], ["train", "--dataset", "synthetic"],
        ["bn-recalibrate", "--dataset", "synthetic", "--output", folder.file("new.safetensors")],
      ] {
        expectFailure(
          try Job.run(2, command + ["--weights", unknown], in: folder.path), exitCode: 2,
          naming: ["unknown.safetensors", "no network that is known", "--model"])
      }
      expectFailure(
        try Job.alone(["export", unknown, "--onnx", folder.file("model.onnx")]), exitCode: 2,
        naming: ["unknown.safetensors", "no network that is known", "--model"])
      expectFailure(
        try Job.run(2, ["predict", "--weights", folder.file("none"), image]), exitCode: 1,
        naming: ["there is no checkpoint at", "none"])
    }
  }
}
