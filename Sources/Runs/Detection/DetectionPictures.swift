/// Copies of images with the boxes that were found.

import Datasets
import Foundation
import System

package enum DetectionPictures {
  /// Writes a picture for each image into a folder that is there, each in one step.
  ///
  /// - Parameters:
  ///   - leastScore: of the boxes that are drawn.
  /// - Throws: `DatasetError`, `FileError`.
  package static func write(
    _ predictions: [PredictedObjects], to folder: String, leastScore: Double,
    decoding: ImageDecoding
  ) throws {
    var names: Set<String> = []
    for prediction in predictions {
      let boxes = prediction.objects.filter { $0.score >= leastScore }.map { object in
        LabelledBox(
          x1: Float(object.box.x1), y1: Float(object.box.y1), x2: Float(object.box.x2),
          y2: Float(object.box.y2), classIndex: object.category, name: object.name,
          score: object.score)
      }
      let bytes = try BoxPicture.encoded(
        prediction.image, boxes, decoding: decoding)
      try AtomicFile.write(
        bytes, to: "\(folder)/\(unused(prediction.image, &names))", isDurable: false)
    }
  }

  /// The last part of a path, with a number where another image has the same.
  private static func unused(_ path: String, _ names: inout Set<String>) -> String {
    let name = (path as NSString).lastPathComponent
    let (stem, ending) = (
      (name as NSString).deletingPathExtension, (name as NSString).pathExtension
    )
    var candidate = name
    var number = 1
    while !names.insert(candidate).inserted {
      number += 1
      candidate = "\(stem)-\(number)" + (ending.isEmpty ? "" : ".\(ending)")
    }
    return candidate
  }
}
