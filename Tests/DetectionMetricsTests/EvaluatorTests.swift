/// Both evaluators against pycocotools and VOC's reference evaluator, and cases that can be counted by hand.

import DetectionData
import DetectionMetrics
import Foundation
import TestSupport
import Testing

@Suite struct EvaluatorTests {
  private static func image(_ id: Int, _ objects: [AnnotatedObject]) -> AnnotatedImage {
    AnnotatedImage(path: "", name: "\(id)", id: id, width: 1000, height: 1000, objects: objects)
  }

  private static func box(_ x: Double, side: Double = 100) -> Box {
    Box(x1: x, y1: 0, x2: x + side, y2: side)
  }

  private static func summary(
    _ images: [AnnotatedImage], _ detections: [Detection], classes: Int = 1
  ) -> [String: Double] {
    let data = DetectionDataset(
      form: .coco, classes: (0..<classes).map { "\($0)" }, images: images, setName: "")
    return Dictionary(
      uniqueKeysWithValues: COCOEvaluation(data, detections).summary.map { ($0.name, $0.value) })
  }

  @Test("all objects found are a precision of 1, sizes without objects are −1")
  func perfect() {
    let images = [
      Self.image(1, [.init(box: Self.box(0), category: 0)]), Self.image(2, []),
      Self.image(
        3, [.init(box: Self.box(5), category: 0), .init(box: Self.box(300), category: 0)]),
    ]
    let detections = images.enumerated().flatMap { index, image in
      image.objects.map { Detection(image: index, category: 0, box: $0.box, score: 0.5) }
    }
    let result = Self.summary(images, detections)
    #expect(result["AP"] == 1 && result["AP50"] == 1 && result["APl"] == 1)
    #expect(result["APs"] == -1 && result["APm"] == -1 && result["ARs"] == -1)
    #expect(result["AR100"] == 1)
    #expect(abs(result["AR1"]! - 2.0 / 3) < 1e-12)
    #expect(Self.summary(images, [])["AP"] == 0)
  }

  @Test("each object takes the proposal that is left and overlaps it most")
  func proposals() {
    func object(_ x: Double) -> AnnotatedObject { .init(box: Self.box(x), category: 0) }
    var difficult = object(700)
    difficult.isDifficult = true
    let data = DetectionDataset(
      form: .voc, classes: ["a", "b"],
      images: [Self.image(1, [object(0), object(40), difficult]), Self.image(2, [object(0)])],
      setName: "")
    func recall(_ boxes: [(image: Int, x: Double)]) -> ProposalRecall {
      ProposalRecall(
        data,
        boxes.map { Detection(image: $0.image, category: 1, box: Self.box($0.x), score: 1) })
    }
    // Boxes of side 100 that are d apart overlap by (100 − d) / (100 + d).
    let one = recall([(0, 10)])
    #expect(one.objects == 3)
    #expect(abs(one.recall(at: 0.8) - 1.0 / 3) < 1e-12 && one.recall(at: 0.82) == 0)
    // The object at 0 takes the box at 10 (9/11), and that at 40 gets the box at 80 (3/7), not the same one (7/13).
    let two = recall([(0, 80), (0, 10), (1, 60)])
    #expect(abs(two.recall(at: 0.5) - 1.0 / 3) < 1e-12)
    #expect(abs(two.recall(at: 0.42) - 2.0 / 3) < 1e-12)
    #expect(two.recall(at: 0.25) == 1)
    // Of COCO's ten overlaps those from 0.5 to 0.8 are reached by one of three objects.
    #expect(abs(two.mean - 7.0 / 30) < 1e-12)
    #expect(recall([]).recall(at: 0.5) == 0)
    let nothing = DetectionDataset(
      form: .voc, classes: ["a"], images: [Self.image(1, [difficult])], setName: "")
    #expect(ProposalRecall(nothing, []).recall(at: 0.5) == -1)
  }

  @Test(
    "a double is wrong, what is in a crowd is neither, and a class without objects does not count")
  func doublesAndCrowds() {
    let object = AnnotatedObject(box: Self.box(0), category: 0)
    let crowd = AnnotatedObject(box: Self.box(500, side: 400), category: 0, isCrowd: true)
    func detection(_ x: Double, _ score: Double, category: Int = 0) -> Detection {
      Detection(image: 0, category: category, box: Self.box(x), score: score)
    }
    /// pycocotools adds the smallest difference from 1 to a precision's denominator.
    func isOne(_ value: Double?) -> Bool { value.map { abs($0 - 1) < 1e-12 } ?? false }
    let images = [Self.image(1, [object, crowd])]
    #expect(isOne(Self.summary(images, [detection(0, 0.9), detection(550, 0.95)])["AP50"]))
    #expect(isOne(Self.summary(images, [detection(0, 0.9), detection(1, 0.8)])["AP50"]))
    #expect(isOne(Self.summary(images, [detection(1, 0.9), detection(0, 0.8)])["AP50"]))
    let half = Self.summary(images, [detection(300, 0.95), detection(0, 0.9)])["AP50"]!
    #expect(abs(half - 0.5) < 1e-12)
    #expect(
      isOne(
        Self.summary(images, [detection(0, 0.9), detection(0, 0.9, category: 1)], classes: 2)[
          "AP50"]))
  }

  @Test("an overlap or an area at a threshold is pycocotools', which knows width and height")
  func thresholds() throws {
    /// Of detections from the best on.
    func summary(_ object: String, _ detections: String...) throws -> [String: Double] {
      let folder = try TemporaryDirectory()
      func write(_ text: String, _ name: String) throws -> String {
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder.file(name)))
        return folder.file(name)
      }
      let data = try DetectionDataset.coco(
        annotations: write(
          """
          {"images": [{"id": 1, "file_name": "a", "width": 100, "height": 100}],
           "categories": [{"id": 1, "name": "a"}],
           "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [\(object)]}]}
          """, "a.json"), images: "")
      let entries = detections.enumerated().map { place, box in
        "{\"image_id\": 1, \"category_id\": 1, \"bbox\": [\(box)], \"score\": 0.\(9 - place)}"
      }
      let found = try COCOResults.read(
        write("[\(entries.joined(separator: ","))]", "d.json"), of: data)
      return Dictionary(
        uniqueKeysWithValues: COCOEvaluation(data, found).summary.map { ($0.name, $0.value) })
    }
    // By pycocotools 0.49999999999999994; from corners it would be 0.5000000000000001.
    let half = try summary("33.37, 10, 40.2, 20.2", "33.37, 10, 40.2, 10.1")
    #expect(half["AP50"] == 0)
    // 32 × 32 is small, so that one is wrong; from corners it would be 1024.0000000000005.
    let size = try summary("0, 0, 20, 20", "33.37, 33.37, 32, 32", "0, 0, 20, 20")
    #expect(abs(size["APs"]! - 0.5) < 1e-12)
  }

  @Test("VOC tries the best-overlapping object alone, and a difficult one counts neither way")
  func voc() {
    let objects = [
      AnnotatedObject(box: Self.box(0), category: 0),
      AnnotatedObject(box: Self.box(200), category: 0, isDifficult: true),
    ]
    let data = DetectionDataset(
      form: .voc, classes: ["a", "b"], images: [Self.image(1, objects)], setName: "")
    func result(_ places: [(Double, Double)]) -> VOCEvaluation {
      VOCEvaluation(
        data,
        places.map { Detection(image: 0, category: 0, box: Self.box($0.0), score: $0.1) })
    }
    #expect(result([(0, 0.9)]).meanArea == 1)
    #expect(result([(200, 0.95), (0, 0.9)]).meanArea == 1)
    #expect(result([(600, 0.95), (0, 0.9)]).meanArea == 0.5)
    #expect(result([(0, 0.95), (1, 0.9)]).meanArea == 1)
    #expect(result([]).meanArea == 0)
    #expect(result([]).results[1] == nil)
    // An overlap of a third is none.
    #expect(result([(50, 0.9)]).meanElevenPoints == 0)
  }

  private static let shared: String? = {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appending(path: "../../../shared/data/detection").standardizedFileURL.path
    let isThere = FileManager.default.fileExists(atPath: "\(folder)/oracle")
    if !isThere { print("skipped: no ../shared/data") }
    return isThere ? folder : nil
  }()

  /// A folder with what is in an archive of the shared data under `part`.
  private static func unpacked(_ archive: String, _ part: String) throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    let outcome = try ProcessRunner.run(
      "/usr/bin/env", ["tar", "-xf", "\(shared!)/\(archive)", "-C", folder.path, part], timeout: 60)
    #expect(outcome.exitCode == 0, "\(outcome)")
    return folder
  }

  @Test(
    "COCO's oracle is met to the last digits",
    .enabled(if: shared != nil, "skipped: no ../shared/data"))
  func cocoOracle() throws {
    let folder = try Self.unpacked("coco-mini.tar", "coco-mini/annotations")
    let data = try DetectionDataset.coco(
      annotations: folder.file("coco-mini/annotations/instances_val2017.json"), images: "")
    let detections = try COCOResults.read("\(Self.shared!)/oracle/coco-detections.json", of: data)
    struct Expected: Decodable { let stats: [String: Double] }
    let expected = try JSONDecoder().decode(
      Expected.self,
      from: Data(contentsOf: URL(fileURLWithPath: "\(Self.shared!)/oracle/coco-expected.json")))
    for (name, value) in COCOEvaluation(data, detections).summary {
      #expect(abs(value - expected.stats[name]!) < 1e-9, "\(name)")
    }
  }

  @Test(
    "VOC's oracle is met, also where every fourth object is difficult",
    .enabled(if: shared != nil, "skipped: no ../shared/data"))
  func vocOracle() throws {
    let folder = try Self.unpacked("bccd.tar", "bccd")
    var data = try DetectionDataset.voc(folder.file("bccd"), imageSet: "test")
    let detections = try VOCResults.read("\(Self.shared!)/oracle", of: data)
    struct Expected: Decodable { let results: [String: [String: [String: Double]]] }
    let expected = try JSONDecoder().decode(
      Expected.self,
      from: Data(contentsOf: URL(fileURLWithPath: "\(Self.shared!)/oracle/voc-expected.json"))
    ).results
    func check(_ name: String) throws {
      let own = try #require(expected[name])
      for (overlap, text) in [(0.5, "0.5"), (0.75, "0.75")] {
        let result = VOCEvaluation(data, detections, overlap: overlap)
        let mean = try #require(own["mAP"])
        #expect(abs(result.meanElevenPoints - mean["11 points @\(text)"]!) < 1e-9)
        #expect(abs(result.meanArea - mean["area @\(text)"]!) < 1e-9)
        for (category, name) in data.classes.enumerated() {
          let figures = try #require(own[name])
          let found = try #require(result.results[category])
          #expect(abs(found.elevenPoints - figures["11 points @\(text)"]!) < 1e-9)
          #expect(abs(found.area - figures["area @\(text)"]!) < 1e-9)
        }
      }
    }
    try check("as annotated")
    for image in data.images.indices {
      for object in data.images[image].objects.indices where object % 4 == 3 {
        data.images[image].objects[object].isDifficult = true
      }
    }
    try check("every fourth object of an image difficult")
  }

  @Test("the twelve numbers of random boxes with crowds, ties and many detections are pycocotools'")
  func pycocotools() throws {
    let fixtures = Bundle.module.resourcePath! + "/Fixtures"
    let data = try DetectionDataset.coco(
      annotations: "\(fixtures)/coco-annotations.json", images: "")
    let detections = try COCOResults.read("\(fixtures)/coco-detections.json", of: data)
    struct Expected: Decodable {
      let stats: [String: Double]
      let classes: [String: [Double]]
    }
    let expected = try JSONDecoder().decode(
      Expected.self,
      from: Data(contentsOf: URL(fileURLWithPath: "\(fixtures)/coco-expected.json")))
    let evaluation = COCOEvaluation(data, detections)
    #expect(expected.stats.count == 12)
    for (name, value) in evaluation.summary {
      #expect(abs(value - expected.stats[name]!) < 1e-9, "\(name)")
    }
    for (category, name) in data.classes.enumerated() {
      let own = evaluation.precision(ofClass: category)
      let values = expected.classes[name]!
      #expect((own == nil) == (values[0] == -1), "\(name)")
      guard let own else { continue }
      #expect(abs(own.ap - values[0]) < 1e-9 && abs(own.ap50 - values[1]) < 1e-9, "\(name)")
    }
  }
}
