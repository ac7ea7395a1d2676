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
    let entries: [Entry]
    let data = try contents(of: path)
    do { entries = try JSONDecoder().decode([Entry].self, from: data) } catch {
      throw .damaged(
        path: path, line: nil,
        reason: "this is not a list of objects with image_id, category_id, bbox and score")
    }
    let images = Dictionary(
      uniqueKeysWithValues: dataset.images.enumerated().map { ($1.id, $0) })
    let categories = Dictionary(
      dataset.categoryIDs.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
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
          box: Box(x1: box[0], y1: box[1], x2: box[0] + box[2], y2: box[1] + box[3]),
          score: entry.score))
    }
    return detections
  }

  package static func json(_ detections: [Detection], of dataset: DetectionDataset) -> String {
    let entries = detections.map { detection in
      let box = detection.box
      return JSON.object([
        "image_id": .integer(dataset.images[detection.image].id),
        "category_id": .integer(dataset.categoryIDs[detection.category]),
        "bbox": .array([box.x1, box.y1, box.width, box.height].map(JSON.number)),
        "score": .number(detection.score),
      ]).description
    }
    return "[" + entries.joined(separator: ",\n") + "]\n"
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
        let words = line.split(whereSeparator: \.isWhitespace)
        let numbers = words.dropFirst().compactMap { Double($0) }.filter(\.isFinite)
        guard words.count == 6, numbers.count == 5 else {
          throw .damaged(
            path: path, line: index + 1, reason: "a line is 'image score xmin ymin xmax ymax'")
        }
        guard let image = places[String(words[0])] else {
          throw .foreignResult(path: path, what: "image", id: String(words[0]))
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
