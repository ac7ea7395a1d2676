/// VOC folders: what is read, and what is wrong with them.

import DetectionData
import Foundation
import TestSupport
import Testing

/// A folder with two images in `train` and one in `val`.
struct VOCSample {
  let folder: TemporaryDirectory

  init() throws {
    folder = try TemporaryDirectory()
    for name in ["Annotations", "ImageSets/Main", "JPEGImages"] {
      try FileManager.default.createDirectory(
        atPath: folder.file(name), withIntermediateDirectories: true)
    }
    try write("ImageSets/Main/train.txt", "a\nb  1\n")
    try write("ImageSets/Main/val.txt", "c")
    try annotate(
      "a", objects: [("dog", "1", "2", "50", "40"), ("cat", "10.5", "20", "60", "70.25")])
    try annotate("b", objects: [])
    try annotate("c", objects: [("ant", "5", "5", "9", "9")])
    try write("JPEGImages/a.jpg", "")
    try write("JPEGImages/b.PNG", "")
    try write("JPEGImages/c.jpeg", "")
  }

  func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder.file(name)))
  }

  func annotate(
    _ name: String, objects: [(String, String, String, String, String)], more: String = "",
    size: String = "<size><width>100</width><height>80</height></size>"
  ) throws {
    let objects = objects.map {
      """
      <object><name>\($0.0)</name><bndbox><xmin>\($0.1)</xmin><ymin>\($0.2)</ymin>
      <xmax>\($0.3)</xmax><ymax>\($0.4)</ymax></bndbox>\(more)</object>
      """
    }.joined(separator: "\n")
    try write(
      "Annotations/\(name).xml",
      "<?xml version=\"1.0\"?>\n<annotation>\(size)\n\(objects)\n</annotation>\n")
  }

  func open(
    _ split: DetectionDataset.Split = .train, strict: Bool = false
  ) throws -> DetectionDataset {
    var options = DetectionDataset.Options()
    options.strict = strict
    return try DetectionDataset.open(folder.path, split, options: options)
  }
}

@Suite struct VOCTests {
  @Test("boxes begin where their first pixel does, and classes are those of all image sets")
  func boxes() throws {
    let sample = try VOCSample()
    let data = try sample.open()
    #expect(data.form == .voc)
    #expect(data.classes == ["ant", "cat", "dog"])
    #expect(data.images.map(\.name) == ["a", "b"])
    #expect(data.images[0].width == 100 && data.images[0].height == 80)
    #expect(data.images[0].objects.map(\.category) == [2, 1])
    #expect(data.images[0].objects[0].box == Box(x1: 0, y1: 1, x2: 50, y2: 40))
    #expect(data.images[0].objects[1].box == Box(x1: 9.5, y1: 19, x2: 60, y2: 70.25))
    #expect(data.images[1].objects.isEmpty)
    #expect(data.images.map { ($0.path as NSString).lastPathComponent } == ["a.jpg", "b.PNG"])
    #expect(data.notes.isEmpty)
    #expect(data.largestObjectCount == 2)
    #expect(try sample.open(.validation).images.map(\.name) == ["c"])
    #expect(try sample.open(.test).images.map(\.name) == ["c"])
    #expect(try sample.open().fingerprint == data.fingerprint)
    #expect(data.subset(first: 1).fingerprint != data.fingerprint)
  }

  @Test("difficult objects are known as such")
  func difficult() throws {
    let sample = try VOCSample()
    try sample.annotate(
      "a", objects: [("dog", "1", "1", "9", "9")], more: "<difficult>1</difficult>")
    #expect(try sample.open().images[0].objects.map(\.isDifficult) == [true])
  }

  @Test("a box without area is left out with a note, or refused")
  func withoutArea() throws {
    let sample = try VOCSample()
    try sample.annotate(
      "a", objects: [("dog", "7", "7", "7", "9"), ("cat", "1", "1", "5", "5")])
    let data = try sample.open()
    #expect(data.images[0].objects.map(\.category) == [1])
    #expect(data.notes.count == 1)
    #expect(data.notes[0].hasPrefix("note: 1 box without area left out, the first in "))
    #expect(data.notes[0].contains("a.xml, object 1 (dog, line 3)"))
    expectError("object 1 (dog, line 3) has a box without area") {
      try sample.open(strict: true)
    }
  }

  @Test("a box that leaves its image is clipped with a note; rounding is none")
  func clipped() throws {
    let sample = try VOCSample()
    try sample.annotate(
      "a", objects: [("dog", "0", "1", "101", "80"), ("cat", "-9", "1", "50", "50")])
    let data = try sample.open()
    #expect(data.images[0].objects[0].box == Box(x1: -1, y1: 0, x2: 101, y2: 80))
    #expect(data.images[0].objects[1].box == Box(x1: 0, y1: 0, x2: 50, y2: 50))
    #expect(data.notes.count == 1 && data.notes[0].contains("1 box leaves its image"))
  }

  @Test("what is wrong is said with file, object and line")
  func wrong() throws {
    func check(_ message: String, _ change: (VOCSample) throws -> Void) throws {
      let sample = try VOCSample()
      try change(sample)
      expectError(message) { try sample.open() }
    }
    try check("object 1 (dog, line 3) ends before it begins") {
      try $0.annotate("a", objects: [("dog", "9", "1", "5", "5")])
    }
    try check("lies outside of its image of 100×80 pixels") {
      try $0.annotate("a", objects: [("dog", "200", "1", "300", "5")])
    }
    try check("has no whole <bndbox>") {
      try $0.annotate("a", objects: [("dog", "one", "1", "3", "5")])
    }
    try check("has a corner that is not a number") {
      try $0.annotate("a", objects: [("dog", "nan", "1", "3", "5")])
    }
    try check("does not say the image's <size>") {
      try $0.annotate("a", objects: [], size: "")
    }
    try check("a.xml:3: this is no whole XML file") {
      try $0.write("Annotations/a.xml", "<annotation>\n<object>\n<name>dog</annotation>")
    }
    try check("this is not a VOC annotation") { try $0.write("Annotations/a.xml", "<html/>") }
    try check("there is no such file") {
      try $0.write("ImageSets/Main/train.txt", "nobody")
    }
    try check("names no images") { try $0.write("ImageSets/Main/train.txt", "\n") }
    try check("is not the name of an image") {
      try $0.write("ImageSets/Main/train.txt", "../../etc/passwd")
    }
    try check("its image is not in") {
      try FileManager.default.removeItem(atPath: $0.folder.file("JPEGImages/a.jpg"))
    }
    try check("has no train images: there is no ") {
      try FileManager.default.removeItem(atPath: $0.folder.file("ImageSets/Main/train.txt"))
    }
  }

  @Test("an object without a name is refused, also where classes are known by it")
  func unnamed() throws {
    let sample = try VOCSample()
    try sample.annotate(
      "a", objects: [("dog", "1", "1", "9", "9"), ("", "1", "1", "9", "9")])
    expectError("a.xml: object 2 (line 5) has no <name>") { try sample.open() }
    var options = DetectionDataset.Options()
    options.classes = ["dog"]
    expectError("a.xml: object 2 (line 5) has no <name>") {
      try DetectionDataset.open(sample.folder.path, .train, options: options)
    }
  }

  @Test("an encoding that is not read is named as such")
  func encoding() throws {
    let sample = try VOCSample()
    try sample.write(
      "Annotations/a.xml", "<?xml version=\"1.0\" encoding=\"windows-1252\"?><annotation/>")
    expectError("a.xml:1: the encoding that it states cannot be read") { try sample.open() }
    expectError("save it as UTF-8") { try sample.open() }
  }

  @Test("names of images may hold spaces, in image sets and in results")
  func spaces() throws {
    let sample = try VOCSample()
    for name in ["my img", "my img 1"] {
      try sample.annotate(name, objects: [("dog", "1", "1", "9", "9")])
      try sample.write("JPEGImages/\(name).jpg", "")
    }
    try sample.write("ImageSets/Main/train.txt", "my img  -1\r\nmy img 1\nb 0\n a \n\n")
    let data = try sample.open()
    #expect(data.images.map(\.name) == ["my img", "my img 1", "b", "a"])
    let detections = [
      Detection(image: 1, category: 2, box: Box(x1: 1, y1: 2, x2: 3, y2: 4), score: 0.5)
    ]
    try sample.write(
      VOCResults.fileName("dog", imageSet: "train"),
      VOCResults.text(detections, ofClass: 2, of: data))
    #expect(try VOCResults.read(sample.folder.path, of: data) == detections)
  }

  @Test("entities that grow without bound are refused soon")
  func entities() throws {
    let sample = try VOCSample()
    let levels = (1...20).map { level in
      "<!ENTITY e\(level) \"" + String(repeating: "&e\(level - 1);", count: 10) + "\">"
    }.joined(separator: "\n")
    try sample.write(
      "Annotations/a.xml",
      "<!DOCTYPE annotation [<!ENTITY e0 \"aaaaaaaaaa\">\(levels)]><annotation>&e20;</annotation>")
    expectError("this is no whole XML file") { try sample.open() }
  }

  @Test("a class that another split does not have is named")
  func unknownClass() throws {
    let sample = try VOCSample()
    var options = DetectionDataset.Options()
    options.classes = ["cat"]
    expectError("object 1 (dog, line 3) is of class 'dog', which is not among cat") {
      try DetectionDataset.open(sample.folder.path, .train, options: options)
    }
  }

  @Test("results are read as they were written, and those of other images are refused")
  func results() throws {
    let sample = try VOCSample()
    let data = try sample.open()
    let detections = [
      Detection(
        image: 0, category: 2, box: Box(x1: 0.5, y1: 1, x2: 50.25, y2: 40), score: 0.75),
      Detection(image: 1, category: 0, box: Box(x1: 3, y1: 4, x2: 5, y2: 6), score: 0.125),
    ]
    for category in data.classes.indices {
      try sample.write(
        VOCResults.fileName(data.classes[category], imageSet: "train"),
        VOCResults.text(detections, ofClass: category, of: data))
    }
    let read = try VOCResults.read(sample.folder.path, of: data)
    #expect(Set(read) == Set(detections))
    try sample.write("comp4_det_train_dog.txt", "c 0.5 1 2 3 4\n")
    expectError("a detection is of image c") { try VOCResults.read(sample.folder.path, of: data) }
    try sample.write("comp4_det_train_dog.txt", "a 0.5 1 2 3\n")
    expectError("a line is 'image score xmin ymin xmax ymax'") {
      try VOCResults.read(sample.folder.path, of: data)
    }
    #expect(
      VOCResults.fileName("../../evil", imageSet: "../train")
        == "comp4_det_..-train_..-..-evil.txt")
    expectError("it has no file such as comp4_det_train_ant.txt") {
      try VOCResults.read(sample.folder.file("JPEGImages"), of: data)
    }
  }
}

/// Expects an error whose message contains `text`.
func expectError(
  _ text: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> some Any
) {
  do {
    _ = try body()
    Issue.record("nothing was wrong", sourceLocation: sourceLocation)
  } catch {
    #expect("\(error)".contains(text), "\(error)", sourceLocation: sourceLocation)
  }
}
