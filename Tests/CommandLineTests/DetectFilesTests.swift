/// Files that detection reads and writes, as users have them: Roboflow's folders, turned photographs, results.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct DetectFilesTests {
    private static let images = "\(Job.root)/Tests/DatasetsTests/Fixtures"

    private static func write(_ text: String, to path: String) throws {
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    /// Trains as little as possible; tests have detections of every class all the same.
    private static func train(_ data: TemporaryDirectory, to run: String) throws -> String {
      let outcome = try Job.run(
        1,
        DetectTests.arguments(data) + [
          "--iterations", "1", "--lr", "0.0001", "--warmup-iterations", "0",
          "--box-score-thresh", "0", "--run-dir", run,
        ])
      try #require(outcome.exitCode == 0, "\(outcome.standardError)")
      return outcome.standardError
    }

    /// Roboflow's folder: two categories are called fish, and only training images have birds.
    private static func roboflow() throws -> TemporaryDirectory {
      let folder = try TemporaryDirectory()
      for split in ["train", "valid", "test"] {
        try FileManager.default.createDirectory(
          atPath: folder.file(split), withIntermediateDirectories: true)
        for index in 0..<4 {
          try FileManager.default.copyItem(
            atPath: "\(images)/colour.jpg", toPath: folder.file("\(split)/img \(index).jpg"))
        }
        let images = (0..<4).map {
          // Names may begin with the folder.
          let place = split == "test" ? "test/" : ""
          return "{\"id\": \($0), \"file_name\": \"\(place)img \($0).jpg\", "
            + "\"width\": 40, \"height\": 24}"
        }
        let objects = (0..<4).map { index in
          let category = split == "train" && index % 2 == 1 ? 2 : 1
          return "{\"id\": \(index + 1), \"image_id\": \(index), \"category_id\": \(category), "
            + "\"bbox\": [5, 4, 20, 16]}"
        }
        let bird = split == "train" ? ", {\"id\": 2, \"name\": \"bird\"}" : ""
        try write(
          """
          {"images": [\(images.joined(separator: ","))],
           "annotations": [\(objects.joined(separator: ","))],
           "categories": [{"id": 0, "name": "fish"}, {"id": 1, "name": "fish"}\(bird)]}
          """, to: folder.file("\(split)/_annotations.coco.json"))
      }
      return folder
    }

    private static func categories(_ path: String) throws -> Set<Int> {
      let entries = try #require(
        try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path)))
          as? [[String: Any]])
      return Set(entries.compactMap { $0["category_id"] as? Int })
    }

    @Test("each split of Roboflow's folder is evaluated, and results have ids of its file alone")
    func roboflowFolder() throws {
      let (data, folder) = (try Self.roboflow(), try TemporaryDirectory())
      let run = folder.file("run")
      let notes = try Self.train(data, to: run)
      #expect(notes.contains("2 categories named 'fish' (ids 0, 1)"))
      #expect(notes.contains("not in COCO's results: the annotation file has no category bird"))
      #expect(try Self.categories("\(run)/detections.json") == [1])
      let eval = ["detect", "eval", "--weights", run, "--json"]
      var figures: Set<String> = []
      for (number, flags) in [
        ["--val-set", "test"], ["--val-set", "test/_annotations.coco.json"],
        ["--data-dir", data.file("test")],
      ].enumerated() {
        let output = folder.file("new/sub-\(number)")
        let outcome = try Job.run(2, eval + flags + ["--output-dir", output])
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        #expect(outcome.standardError.contains("has no category bird"))
        #expect(try Self.categories("\(output)/detections.json") == [1])
        figures.insert(outcome.standardOutput)
      }
      #expect(figures.count == 1)
      // Without the category that has no objects, score and eval agree to the last bit.
      let scored = try Job.alone(
        [
          "detect", "score", folder.file("new/sub-0/detections.json"),
          data.file("test/_annotations.coco.json"), "--json",
        ])
      #expect(figures == [scored.standardOutput], "\(scored.standardError)")
    }

    @Test("a folder of results that cannot be is refused before the work, by its flag")
    func outputFolder() throws {
      let (data, folder) = (try DetectTests.dataset(), try TemporaryDirectory())
      let run = folder.file("run")
      _ = try Self.train(data, to: run)
      try Self.write("", to: folder.file("file"))
      for command in [["eval"], ["predict", data.file("JPEGImages")]] {
        for place in ["file", "file/sub"] {
          let outcome = try Job.run(
            2,
            ["detect"] + command
              + ["--weights", run, "--json", "--output-dir", folder.file(place)],
            timeout: Job.patience)
          expectFailure(
            outcome, exitCode: 1, naming: ["file is not a folder", "another --output-dir"])
          #expect(outcome.standardOutput.isEmpty)
        }
      }
    }

    @Test("objects are found in photographs that their EXIF data turn")
    func turned() throws {
      let (data, folder) = (try DetectTests.dataset(), try TemporaryDirectory())
      let run = folder.file("run")
      _ = try Self.train(data, to: run)
      let outcome = try Job.run(
        2,
        [
          "detect", "predict", "--weights", run, "--exif-transpose", "--json", "--output-dir",
          folder.file("drawn"),
        ] + (1...8).map { "\(Self.images)/turned-\($0).jpg" }, timeout: Job.patience)
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(outcome.standardOutput.split(separator: "\n").count == 8)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder.file("drawn")).count == 8)
    }

    @Test("score --json says on stderr which boxes it does not take as they are")
    func notes() throws {
      let folder = try TemporaryDirectory()
      try Self.write(
        """
        {"images": [{"id": 1, "file_name": "a", "width": 100, "height": 100}],
         "categories": [{"id": 1, "name": "a"}],
         "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [90, 10, 40, 20]},
           {"id": 2, "image_id": 1, "category_id": 1, "bbox": [10, 10, 0, 20]}]}
        """, to: folder.file("a.json"))
      try Self.write("[]", to: folder.file("d.json"))
      let outcome = try Job.alone(
        ["detect", "score", folder.file("d.json"), folder.file("a.json"), "--json"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(outcome.standardError.contains("1 box without area left out"))
      #expect(outcome.standardError.contains("1 box leaves its image"))
      #expect(try Job.object(outcome.standardOutput)["AP"] as? Double == 0)
    }

    @Test("training images without an object are noted")
    func withoutObjects() throws {
      let (data, folder) = (try DetectTests.dataset(), try TemporaryDirectory())
      let good = try Self.train(data, to: folder.file("good"))
      #expect(!good.contains("no training image has an object"))
      for index in 0..<6 {
        let path = data.file("Annotations/\(index).xml")
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try Self.write(
          text.replacing(/<object>(?s:.*)<\/object>/, with: ""), to: path)
      }
      let empty = try Self.train(data, to: folder.file("empty"))
      #expect(empty.contains("no training image has an object"))
    }
  }
}
