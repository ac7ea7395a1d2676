/// One `resnet-dist detect predict`.

import Console
import Datasets
import DetectionData
import Distributed
import Foundation
import Settings
import System

/// The objects of an image file.
package struct PredictedObjects: Sendable {
  package struct Object: Sendable {
    package let name: String
    /// An index of the classes.
    package let category: Int
    package let score: Double
    package let box: Box
  }

  /// The file.
  package let image: String
  /// Best first.
  package let objects: [Object]

  /// A line with the file, and one for each object.
  package var text: String {
    let lines = objects.map { object in
      let box = object.box
      let corners = [box.x1, box.y1, box.x2, box.y2].map { String(format: "%.0f", $0) }
      return "  \(NumberFormat.percent(object.score))  \(object.name)  "
        + corners.joined(separator: " ")
    }
    return (["\(image): \(objects.isEmpty ? "nothing" : "\(objects.count)")"] + lines)
      .joined(separator: "\n")
  }

  /// `{"image","objects":[{"class","score","box":[x1,y1,x2,y2]}]}` on one line.
  package var json: String {
    JSON.object([
      "image": .string(image),
      "objects": .array(
        objects.map { object in
          .object([
            "class": .string(object.name), "score": .number(object.score),
            "box": .array(
              [object.box.x1, object.box.y1, object.box.x2, object.box.y2].map(JSON.number)),
          ])
        }),
    ]).description
  }
}

package final class DetectionPredictionRun {
  private let trained: TrainedDetector
  private let dataset: DetectionDataset
  private let ranks: ProcessGroup
  private let console: any Console

  /// Opens weights and image files. Collective.
  ///
  /// - Parameters:
  ///   - weights: a run folder, a checkpoint or a file with a detector's weights.
  ///   - images: files and folders.
  ///   - changes: over the settings of the run that the weights are from.
  /// - Throws: `CollectiveFailure`.
  package init(
    weights: String, images: [String], changes: ConfigurationChanges, ranks: ProcessGroup,
    console: any Console
  ) throws {
    (trained, dataset) = try ranks.together {
      let trained = try TrainedDetector(weights, changes: changes, classes: nil)
      let files = try ImageFileList(images, classNames: trained.classes)
      let isUpright = trained.configuration.data.decoding.upright
      let annotated = try (0..<files.count).map { index in
        let path = files.imageName(at: index)
        let size = try ImageDecoder.shape(ofFile: path, upright: isUpright)
        return AnnotatedImage(
          path: path, name: path, id: index, width: size.width, height: size.height, objects: [])
      }
      return (
        trained,
        DetectionDataset(
          form: .coco, classes: trained.classes, images: annotated, setName: "images")
      )
    }
    try ranks.agree(on: [
      ("the images", dataset.fingerprint), ("the weights", trained.parametersSHA256),
    ])
    (self.ranks, self.console) = (ranks, console)
  }

  /// Writes copies of the images with their boxes into a folder that is there; see `DetectionPictures`.
  package func draw(
    _ predictions: [PredictedObjects], to folder: String, leastScore: Double
  ) throws {
    try DetectionPictures.write(
      predictions, to: folder, leastScore: leastScore,
      decoding: trained.configuration.data.decoding)
  }

  /// Finds the objects of all images. Collective.
  ///
  /// - Returns: in the images' order; nothing on other ranks than 0.
  package func predict() throws -> [PredictedObjects] {
    let detections = DatasetDetections(
      dataset, trained.images(of: dataset), .objects(trained.finder), ranks: ranks)
    let bar = ranks.isFirst && dataset.images.count > 1 ? ProgressBar(console: console) : nil
    bar?.begin("predict", total: detections.imagesOfRank)
    let found = try ranks.endTogether {
      try detections.all {
        bar?.update(completed: $0, images: min($0 * ranks.count, dataset.images.count))
      }
    }
    bar?.finish()
    guard ranks.isFirst else { return [] }
    let byImage = Dictionary(grouping: found, by: \.image)
    return dataset.images.enumerated().map { index, image in
      PredictedObjects(
        image: image.path,
        objects: (byImage[index] ?? []).map {
          .init(
            name: dataset.classes[$0.category], category: $0.category, score: $0.score, box: $0.box)
        })
    }
  }
}
