/// Detections, and the files that they are written to.

import Foundation
import System

/// A box that a detector found.
package struct Detection: Hashable, Sendable {
  /// An index of the data set's images.
  package var image: Int
  /// An index of its classes.
  package var category: Int
  package var box: Box
  package var score: Double

  package init(image: Int, category: Int, box: Box, score: Double) {
    self.image = image
    self.category = category
    self.box = box
    self.score = score
  }
}

/// COCO's results: `[{"image_id", "category_id", "bbox": [x, y, width, height], "score"}]`, with the ids of the
/// annotation file.
package enum COCOResults {
  private struct Entry: Decodable {
    let image_id: Int
    let category_id: Int
    let bbox: [Double]
    let score: Double
  }

  /// - Throws: `DetectionDataError`.
  package static func read(
    _ path: String, of dataset: DetectionDataset
  ) throws(DetectionDataError) -> [Detection] {
    let entries = try JSONFile.decode(
      [Entry].self, path: path,
      what: "a list of objects with image_id, category_id, bbox and score")
    let images = Dictionary(
      uniqueKeysWithValues: dataset.images.enumerated().map { ($1.id, $0) })
    let categories = Dictionary(
      dataset.categoryIDs.enumerated().compactMap { place, id in id.map { ($0, place) } },
      uniquingKeysWith: { first, _ in first })
    var detections: [Detection] = []
    detections.reserveCapacity(entries.count)
    for (index, entry) in entries.enumerated() {
      guard let image = images[entry.image_id] else {
        throw .foreignResult(path: path, what: "image", id: "\(entry.image_id)")
      }
      guard let category = categories[entry.category_id] else {
        throw .foreignResult(path: path, what: "category", id: "\(entry.category_id)")
      }
      guard entry.bbox.count == 4, entry.bbox.allSatisfy(\.isFinite), entry.score.isFinite else {
        throw .badBox(
          path: path, object: "detection \(index + 1)", reason: "has no whole bbox and score")
      }
      let box = entry.bbox
      detections.append(
        Detection(
          image: image, category: category,
          box: Box(x: box[0], y: box[1], width: box[2], height: box[3]),
          score: entry.score))
    }
    return detections
  }

  /// - Returns: without detections of classes that the annotation file lacks, which have no id.
  package static func json(_ detections: [Detection], of dataset: DetectionDataset) -> String {
    let entries = detections.compactMap { detection -> String? in
      guard let id = dataset.categoryIDs[detection.category] else { return nil }
      let box = detection.box
      return JSON.object([
        "image_id": .integer(dataset.images[detection.image].id),
        "category_id": .integer(id),
        "bbox": .array([box.x1, box.y1, box.width, box.height].map(JSON.number)),
        "score": .number(detection.score),
      ]).description
    }
    return "[" + entries.joined(separator: ",\n") + "]\n"
  }

  /// A line about the detections that `json` leaves out; nil: there are none.
  package static func note(_ detections: [Detection], of dataset: DetectionDataset) -> String? {
    let left = detections.filter { dataset.categoryIDs[$0.category] == nil }
    if left.isEmpty { return nil }
    let names = Set(left.map(\.category)).sorted().map { dataset.classes[$0] }
    return "note: \(left.count) \(left.count == 1 ? "detection is" : "detections are") "
      + "not in COCO's results: the annotation file has no category "
      + names.prefix(10).joined(separator: ", ") + (names.count > 10 ? ", …" : "")
  }
}

/// VOC's results: a file for each class, `comp4_det_<set>_<class>.txt`, with a line `image score xmin ymin xmax
/// ymax` for each detection; corners are pixels counted from 1, both inside the box.
package enum VOCResults {
  package static func fileName(_ name: String, imageSet: String) -> String {
    "comp4_\(ending(name, imageSet: imageSet))"
  }

  /// Class names may hold slashes; a file's name may not.
  private static func ending(_ name: String, imageSet: String) -> String {
    "det_\(imageSet)_\(name).txt".replacing("/", with: "-")
  }

  package static func text(
    _ detections: [Detection], ofClass category: Int, of dataset: DetectionDataset
  ) -> String {
    detections.filter { $0.category == category }.map { detection in
      let box = detection.box
      return
        "\(dataset.images[detection.image].name) \(detection.score) \(box.x1 + 1) \(box.y1 + 1) "
        + "\(box.x2) \(box.y2)\n"
    }.joined()
  }

  /// The files of all classes in a folder, whatever is before `det_<set>_<class>.txt` in their names.
  ///
  /// - Throws: `DetectionDataError`; a class without a file has no detections, but one must have one.
  package static func read(
    _ folder: String, of dataset: DetectionDataset
  ) throws(DetectionDataError) -> [Detection] {
    let files = (try? DirectoryListing.names(in: folder)) ?? []
    let places = Dictionary(
      dataset.images.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    var detections: [Detection] = []
    var found = false
    for (category, name) in dataset.classes.enumerated() {
      let ending = ending(name, imageSet: dataset.setName)
      guard let file = files.first(where: { $0.hasSuffix(ending) }) else { continue }
      found = true
      let path = "\(folder)/\(file)"
      let text = String(decoding: try contents(of: path), as: UTF8.self)
      for (index, line) in text.split(whereSeparator: \.isNewline).enumerated() {
        // Names of images may hold spaces.
        let words = line.split(whereSeparator: \.isWhitespace)
        let numbers = words.suffix(5).compactMap { Double($0) }.filter(\.isFinite)
        guard words.count >= 6, numbers.count == 5 else {
          throw .damaged(
            path: path, line: index + 1, reason: "a line is 'image score xmin ymin xmax ymax'")
        }
        let name = String(line[words[0].startIndex..<words[words.count - 6].endIndex])
        guard let image = places[name] else {
          throw .foreignResult(path: path, what: "image", id: name)
        }
        detections.append(
          Detection(
            image: image, category: category,
            box: Box(x1: numbers[1] - 1, y1: numbers[2] - 1, x2: numbers[3], y2: numbers[4]),
            score: numbers[0]))
      }
    }
    if !found {
      throw .unreadable(
        path: folder,
        reason:
          "it has no file such as \(fileName(dataset.classes.first ?? "", imageSet: dataset.setName))"
      )
    }
    return detections
  }
}
