/// COCO files: what is read, and what is wrong with them.

import DetectionData
import Foundation
import TestSupport
import Testing

@Suite struct COCOTests {
  private static let categories =
    "[{\"id\": 90, \"name\": \"dog\"}, {\"id\": 1, \"name\": \"cat\", \"supercategory\": \"animal\"}]"
  private static let images = """
    [{"id": 7, "file_name": "b.jpg", "width": 100, "height": 80, "license": 3},
     {"id": 3, "file_name": "a.jpg", "width": 50, "height": 60}]
    """

  private static func annotation(
    _ id: Int, image: Int = 7, category: Int = 90, _ more: String = "\"bbox\": [10, 20, 30, 40]"
  ) -> String {
    "{\"id\": \(id), \"image_id\": \(image), \"category_id\": \(category), \(more)}"
  }

  private static func json(_ annotations: [String]) -> String {
    "{\"images\": \(images), \"categories\": \(categories), \"annotations\": "
      + "[\(annotations.joined(separator: ","))], \"info\": {}}"
  }

  private static func open(
    _ json: String, options: DetectionDataset.Options = .init()
  ) throws -> DetectionDataset {
    let folder = try TemporaryDirectory()
    let path = folder.file("instances_val.json")
    try Data(json.utf8).write(to: URL(fileURLWithPath: path))
    return try DetectionDataset.coco(annotations: path, images: "images", options: options)
  }

  @Test("ids may have gaps and any order, and images may have no objects")
  func gaps() throws {
    let data = try Self.open(
      Self.json([
        Self.annotation(5, "\"bbox\": [10.5, 20, 30, 40], \"area\": 77.5, \"iscrowd\": 0"),
        Self.annotation(2, category: 1, "\"bbox\": [0, 0, 100, 80], \"iscrowd\": 1"),
      ]))
    #expect(data.form == .coco)
    #expect(data.classes == ["cat", "dog"] && data.categoryIDs == [1, 90])
    #expect(data.images.map(\.id) == [3, 7])
    #expect(data.images[0].objects.isEmpty)
    #expect(data.images[1].path == "images/b.jpg")
    #expect(
      data.images[1].objects == [
        AnnotatedObject(box: Box(x1: 10.5, y1: 20, x2: 40.5, y2: 60), category: 1, area: 77.5),
        AnnotatedObject(
          box: Box(x1: 0, y1: 0, x2: 100, y2: 80), category: 0, isCrowd: true, area: 8000),
      ])
  }

  @Test("classes of another split keep their order, and results the original ids")
  func order() throws {
    var options = DetectionDataset.Options()
    options.classes = ["dog", "bird", "cat"]
    let data = try Self.open(Self.json([Self.annotation(1)]), options: options)
    #expect(data.categoryIDs == [90, nil, 1])
    let detection = Detection(
      image: 1, category: 0, box: Box(x1: 1, y1: 2, x2: 4.5, y2: 6), score: 0.25)
    #expect(
      COCOResults.json([detection], of: data)
        == "[{\"image_id\":7,\"category_id\":90,\"bbox\":[1.0,2.0,3.5,4.0],\"score\":0.25}]\n")
  }

  @Test("detections of a class that the annotation file lacks are left out of results, and counted")
  func missingClass() throws {
    var options = DetectionDataset.Options()
    options.classes = ["dog", "bird", "cat"]
    let data = try Self.open(Self.json([Self.annotation(1)]), options: options)
    let detections = [1, 0, 1].map {
      Detection(image: 1, category: $0, box: Box(x1: 1, y1: 2, x2: 4, y2: 6), score: 0.5)
    }
    let json = COCOResults.json(detections, of: data)
    #expect(json.contains("\"category_id\":90") && !json.contains("-1"))
    #expect(json.split(separator: "\n").count == 1)
    let note = try #require(COCOResults.note(detections, of: data))
    #expect(note.hasPrefix("note: 2 detections are not in COCO's results"))
    #expect(note.hasSuffix("no category bird"))
    #expect(COCOResults.note([detections[1]], of: data) == nil)
  }

  @Test("categories of one name are told apart by id, or are one class in training")
  func equalNames() throws {
    // As Roboflow exports them: the first is a supercategory without objects.
    func fish(_ categories: [Int]) -> String {
      let annotations = categories.enumerated().map { Self.annotation($0 + 1, category: $1) }
      return Self.json(annotations).replacing(
        Self.categories,
        with: "[{\"id\": 0, \"name\": \"fish\"}, {\"id\": 1, \"name\": \"fish\"}]")
    }
    let apart = try Self.open(fish([1, 0]))
    #expect(apart.classes == ["fish", "fish"] && apart.categoryIDs == [0, 1])
    #expect(apart.images[1].objects.map(\.category) == [1, 0])
    #expect(apart.notes.isEmpty)
    var options = DetectionDataset.Options()
    options.mergesNames = true
    let merged = try Self.open(fish([1, 0]), options: options)
    #expect(merged.classes == ["fish"] && merged.categoryIDs == [0])
    #expect(merged.images[1].objects.map(\.category) == [0, 0])
    #expect(merged.notes.count == 1)
    #expect(merged.notes[0].contains("2 categories named 'fish' (ids 0, 1)"))
    options.classes = ["fish"]
    options.mergesNames = false
    let usual = try Self.open(fish([1]), options: options)
    #expect(usual.categoryIDs == [1] && usual.notes.count == 1)
  }

  @Test("a value that JSON does not have is named with its line")
  func notANumber() throws {
    expectError("instances_val.json:3: JSON has no value NaN") {
      try Self.open(
        Self.json(["\n" + Self.annotation(4, "\"note\": \"a \\\"NaN\", \"bbox\": [1, NaN, 3, 4]")]))
    }
    let data = try Self.open(Self.json([Self.annotation(1)]))
    let folder = try TemporaryDirectory()
    func read(_ score: String) throws -> [Detection] {
      let text =
        "[{\"image_id\": 7, \"category_id\": 1, \"bbox\": [1, 2, 3, 4],\n\"score\": \(score)}]"
      try Data(text.utf8).write(to: URL(fileURLWithPath: folder.file("a.json")))
      return try COCOResults.read(folder.file("a.json"), of: data)
    }
    expectError("a.json:2: JSON has no value -Infinity") { try read("-Infinity") }
    expectError("[0].score has another type") { try read("\"0.5\"") }
    expectError("this is no whole JSON file") { try read("0.5}") }
  }

  @Test("what is wrong is said with file and id")
  func wrong() {
    func check(_ message: String, _ json: String) {
      expectError(message) { try Self.open(json) }
    }
    check("there are two annotations with id 4", Self.json([4, 4].map { Self.annotation($0) }))
    check(
      "annotation 4 is of image 8, which does not exist", Self.json([Self.annotation(4, image: 8)]))
    check(
      "annotation 4 is of category 2, which does not exist",
      Self.json([Self.annotation(4, category: 2)]))
    check(
      "annotation 4 has a bbox of 3 numbers", Self.json([Self.annotation(4, "\"bbox\": [1,2,3]")]))
    check(
      "annotation 4 ends before it begins", Self.json([Self.annotation(4, "\"bbox\": [9,9,-1,3]")]))
    check(
      "annotation 4 lies outside of its image",
      Self.json([Self.annotation(4, "\"bbox\": [500,9,10,3]")]))
    check("annotations.[0] has no bbox", Self.json([Self.annotation(4, "\"score\": 1")]))
    check("this is no whole JSON file", String(Self.json([Self.annotation(4)]).dropLast(9)))
    check(
      "names no images", "{\"images\": [], \"categories\": [], \"annotations\": []}")
    check("annotations.[0].id has another type", Self.json(["{\"id\": \"one\"}"]))
  }

  @Test("boxes without area are left out, and an annotation with id 0 is noted")
  func notes() throws {
    let data = try Self.open(
      Self.json([Self.annotation(0), Self.annotation(1, "\"bbox\": [1,2,0,5]")]))
    #expect(data.images[1].objects.count == 1)
    #expect(data.notes.count == 2)
    #expect(data.notes.contains { $0.contains("annotation 1;") })
    #expect(data.notes.contains { $0.contains("annotation with id 0") })
  }

  @Test("results of other images and categories are refused")
  func results() throws {
    let data = try Self.open(Self.json([Self.annotation(1)]))
    let folder = try TemporaryDirectory()
    func read(_ text: String) throws -> [Detection] {
      try Data(text.utf8).write(to: URL(fileURLWithPath: folder.file("a.json")))
      return try COCOResults.read(folder.file("a.json"), of: data)
    }
    let entry = "{\"image_id\": 7, \"category_id\": 1, \"bbox\": [1, 2, 3, 4], \"score\": 0.5}"
    #expect(
      try read("[\(entry)]") == [
        Detection(image: 1, category: 0, box: Box(x1: 1, y1: 2, x2: 4, y2: 6), score: 0.5)
      ])
    #expect(try read("[]").isEmpty)
    expectError("a detection is of image 5") {
      try read("[\(entry.replacing("7", with: "5"))]")
    }
    expectError("a detection is of category 2") {
      try read("[\(entry.replacing("\"category_id\": 1", with: "\"category_id\": 2"))]")
    }
    expectError("this is not a list of objects") { try read("{}") }
    expectError("detection 1 has no whole bbox and score") {
      try read("[\(entry.replacing("[1, 2, 3, 4]", with: "[1, 2, 3]"))]")
    }
  }

  @Test(
    "the files of each split are found in COCO's and Roboflow's layout, or what was looked for is said"
  )
  func layouts() throws {
    let folder = try TemporaryDirectory()
    func write(_ name: String) throws {
      let path = folder.file(name)
      try FileManager.default.createDirectory(
        atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try Data(Self.json([Self.annotation(1)]).utf8).write(to: URL(fileURLWithPath: path))
    }
    func path(_ split: DetectionDataset.Split) throws -> String {
      let image = try DetectionDataset.open(folder.path, split).images[0].path
      return String(image.dropFirst(folder.path.count + 1))
    }
    expectError("there is no detection data set in") { try path(.train) }
    try write("annotations/instances_train2017.json")
    try write("train2017/x")
    #expect(try path(.train) == "train2017/a.jpg")
    expectError("has no validation images: there is no ") { try path(.validation) }
    try write("valid/_annotations.coco.json")
    #expect(try path(.validation) == "valid/a.jpg")
  }

  @Test("the test split of Roboflow's layout is found by its name, its file and its folder")
  func testSplit() throws {
    let folder = try TemporaryDirectory()
    for split in ["train", "valid", "test"] {
      try FileManager.default.createDirectory(
        atPath: folder.file(split), withIntermediateDirectories: true)
      let json = Self.json([Self.annotation(1)]).replacing("b.jpg", with: "\(split)/b 0.jpg")
      try Data(json.utf8).write(
        to: URL(fileURLWithPath: folder.file("\(split)/_annotations.coco.json")))
      try Data().write(to: URL(fileURLWithPath: folder.file("\(split)/b 0.jpg")))
    }
    func paths(_ set: String?, in part: String = "") throws -> [String] {
      var options = DetectionDataset.Options()
      options.imageSet = set
      let data = try DetectionDataset.open(folder.path + part, .validation, options: options)
      return data.images.map { String($0.path.dropFirst(folder.path.count + 1)) }
    }
    for set in ["test", "test/_annotations.coco.json", folder.file("test/_annotations.coco.json")] {
      #expect(try paths(set) == ["test/a.jpg", "test/b 0.jpg"], "\(set)")
    }
    #expect(try paths(nil, in: "/test").first == "test/a.jpg")
    #expect(try paths(nil) == ["valid/a.jpg", "valid/b 0.jpg"])
    expectError("has no validation images: there is no ") { try paths("nothing") }
    try FileManager.default.removeItem(atPath: folder.file("valid"))
    try FileManager.default.removeItem(atPath: folder.file("test"))
    expectError("valid/_annotations.coco.json") { try paths(nil) }
  }
}
