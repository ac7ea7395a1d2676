/// What `eval` and a run tell of each test image, and of what the network gets wrong.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct MistakesTests {
    private static let folder = "\(Job.root)/Tests/CommandLineTests/Fixtures/evaluation"
    private static let header = "image,class,predicted,probability,class_probability"

    private static func evaluation(images: String = "\(folder)/images") -> [String] {
      [
        "eval", "--json", "--weights", "\(folder)/weights.safetensors", "--model", "resnet8",
        "--shortcut", "B", "--dataset", "image-folder", "--data-dir", images, "--mean",
        "0.5,0.45,0.4", "--std", "0.25,0.2,0.3", "--val-crop-size", "32", "--val-resize-size",
        "40",
      ]
    }

    private struct Row {
      let image: String
      let `class`: String
      let predicted: String
      let probability: Double
      let classProbability: Double
    }

    /// The rows of a file whose cells need no quotes, but for the first.
    private func rows(_ path: String) throws -> [Row] {
      let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
      #expect(lines[0] == Self.header)
      return try lines.dropFirst().map { line in
        let parts = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        try #require(parts.count >= 5, "\(line)")
        let image = parts.dropLast(4).joined(separator: ",")
        let cells = [image.replacing("\"", with: "")] + parts.suffix(4)
        return Row(
          image: cells[0], class: cells[1], predicted: cells[2],
          probability: try #require(Double(cells[3])),
          classProbability: try #require(Double(cells[4])))
      }
    }

    /// PyTorch's probabilities by image, from `Oracles/evaluation/make_predictions.py`.
    private static func expected() throws -> [String: [Double]] {
      let json = try String(contentsOfFile: "\(folder)/predictions.json", encoding: .utf8)
      return try Job.object(json).compactMapValues {
        ($0 as? [String: Any])?["probabilities"] as? [Double]
      }
    }

    @Test("eval's files have PyTorch's probabilities, and are the same on any ranks")
    func centre() throws {
      let folder = try TemporaryDirectory()
      let (table, page) = (folder.file("test.csv"), folder.file("test.html"))
      var tables: Set<String> = []
      var pages: Set<String> = []
      var rightFractions: Set<Double> = []
      for (ranks, batch) in [(1, 128), (2, 8), (3, 16)] {
        let outcome = try Job.run(
          ranks,
          Self.evaluation() + [
            "--predictions", table, "--report", page, "--batch-size", "\(batch)",
          ])
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        tables.insert(try String(contentsOfFile: table, encoding: .utf8))
        pages.insert(try String(contentsOfFile: page, encoding: .utf8))
        rightFractions.insert(
          try #require(try Job.object(outcome.standardOutput)["top1"] as? Double))
      }
      #expect(tables.count == 1 && pages.count == 1 && rightFractions.count == 1)
      let rows = try rows(table)
      let expected = try Self.expected()
      #expect(rows.map(\.image) == expected.keys.sorted().map { "\(Self.folder)/\($0)" })
      for row in rows {
        let own = try #require(expected[String(row.image.dropFirst(Self.folder.count + 1))])
        let classNames = own.indices.map { "class-\($0)" }
        #expect(row.image.contains("/\(row.class)/"))
        let predicted = try #require(classNames.firstIndex(of: row.predicted))
        #expect(own[predicted] == own.max())
        #expect(abs(row.probability - own[predicted]) < 1e-5)
        let label = try #require(classNames.firstIndex(of: row.class))
        #expect(abs(row.classProbability - own[label]) < 1e-5)
      }
      let right = rows.count { $0.class == $0.predicted }
      #expect(rightFractions == [Double(right) / 10])
      let html = pages.first ?? ""
      #expect(html.contains("class=\"matrix\"") && !html.contains("://"))
      // Each mistake with its picture.
      #expect(html.components(separatedBy: "data:image/png;base64,").count == 11 - right)
    }

    @Test(
      "of averaged scores, too, as many rows are right as eval counts",
      arguments: [["--crops", "10"], ["--dense", "--scales", "36,47"]])
    func views(flags: [String]) throws {
      let folder = try TemporaryDirectory()
      let table = folder.file("test.csv")
      let tables = try [1, 2, 3].map { ranks in
        let outcome = try Job.run(ranks, Self.evaluation() + flags + ["--predictions", table])
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        let rows = try rows(table)
        let right = rows.count { $0.class == $0.predicted }
        #expect(
          try Job.object(outcome.standardOutput)["top1"] as? Double == Double(right) / 10)
        #expect(rows.allSatisfy { (0.2...1).contains($0.probability) })
        return try String(contentsOfFile: table, encoding: .utf8)
      }
      #expect(Set(tables).count == 1)
    }

    @Test("class names cannot break out of the page or of the table")
    func hostileNames() throws {
      let folder = try TemporaryDirectory()
      let images = folder.file("images")
      let files = FileManager.default
      try files.copyItem(atPath: "\(Self.folder)/images", toPath: images)
      let names = ["<script>alert(1)", "class \"1\", odd"]
      for (index, name) in names.enumerated() {
        try files.moveItem(atPath: "\(images)/class-\(index)", toPath: "\(images)/\(name)")
      }
      let (table, page) = (folder.file("test.csv"), folder.file("test.html"))
      let outcome = try Job.run(
        2, Self.evaluation(images: images) + ["--predictions", table, "--report", page])
      try #require(outcome.exitCode == 0, "\(outcome.standardError)")
      let html = try String(contentsOfFile: page, encoding: .utf8)
      #expect(!html.contains("<script") && html.contains("&lt;script&gt;alert(1)"))
      #expect(html.contains("class &quot;1&quot;, odd"))
      let csv = try String(contentsOfFile: table, encoding: .utf8)
      #expect(csv.contains(",\"class \"\"1\"\", odd\","))
    }

    @Test("a file that cannot be written is one error, after the numbers")
    func unwritable() throws {
      let outcome = try Job.run(
        2, Self.evaluation() + ["--predictions", "/nonexistent/test.csv"], timeout: Job.patience)
      expectFailure(outcome, exitCode: 1, naming: ["/nonexistent/test.csv"])
      #expect(outcome.standardOutput.contains("\"samples\":10"))
    }

    @Test("a run tells of its last test what eval tells of it, the same on any ranks")
    func run() throws {
      let folder = try TemporaryDirectory()
      var files: Set<String> = []
      for ranks in [1, 2, 3] {
        let run = folder.file("run-\(ranks)")
        let trained = try Job.run(ranks, Job.small + ["--epochs", "2", "--run-dir", run])
        try #require(trained.exitCode == 0, "\(trained.standardError)")
        files.insert(
          try ["test-predictions.csv", "mistakes.json"].map {
            try String(contentsOfFile: "\(run)/\($0)", encoding: .utf8)
          }.joined())
      }
      #expect(files.count == 1)
      let run = folder.file("run-2")
      let table = folder.file("test.csv")
      let evaluated = try Job.run(2, ["eval", "--weights", run, "--predictions", table, "--json"])
      try #require(evaluated.exitCode == 0, "\(evaluated.standardError)")
      #expect(
        files.first?.hasPrefix(try String(contentsOfFile: table, encoding: .utf8)) == true)

      let mistakes = try Job.object(
        String(contentsOfFile: "\(run)/mistakes.json", encoding: .utf8))
      let right = try #require(mistakes["right"] as? Int)
      #expect(
        try Job.object(evaluated.standardOutput)["top1"] as? Double == Double(right) / 96)
      let confusion = try #require(mistakes["confusion"] as? [[Int]])
      #expect(confusion.joined().reduce(0, +) == 96)
      #expect(confusion.indices.reduce(0) { $0 + confusion[$1][$1] } == right)
      let shown = try #require(mistakes["mistakes"] as? [[String: Any]])
      #expect(shown.count == min(96 - right, 24))
      let probabilities = shown.compactMap { $0["probability"] as? Double }
      #expect(probabilities == probabilities.sorted(by: >))

      // The page needs neither the data set nor the weights.
      try FileManager.default.removeItem(atPath: "\(run)/checkpoints")
      let page = try Job.alone(["report", run, "--format", "html"]).standardOutput
      #expect(page.contains("class=\"matrix\""))
      #expect(
        page.components(separatedBy: "data:image/png;base64,").count == shown.count + 1)
    }

    @Test("a run with validation images tells of its test images, and a resumed one begins anew")
    func validation() throws {
      let folder = try TemporaryDirectory()
      let run = folder.file("run")
      let settings = ["--validation-split", "64", "--run-dir", run]
      let trained = try Job.run(2, Job.small + ["--epochs", "2"] + settings)
      try #require(trained.exitCode == 0, "\(trained.standardError)")
      #expect(try rows("\(run)/test-predictions.csv").count == 96)
      let first = try String(contentsOfFile: "\(run)/test-predictions.csv", encoding: .utf8)
      let resumed = try Job.run(2, ["train", "--resume", run, "--epochs", "3"])
      try #require(resumed.exitCode == 0, "\(resumed.standardError)")
      let second = try String(contentsOfFile: "\(run)/test-predictions.csv", encoding: .utf8)
      #expect(first != second)
      let result = try Job.object(String(contentsOfFile: "\(run)/result.json", encoding: .utf8))
      let right = try rows("\(run)/test-predictions.csv").count { $0.class == $0.predicted }
      #expect(result["top1"] as? Double == Double(right) / 96)
    }
  }
}
