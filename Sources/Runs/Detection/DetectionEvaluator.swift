/// The evaluations of a detection run: every image once, on any number of ranks.

import Console
import Detection
import DetectionData
import Distributed
import Foundation
import MPI
import Networks

/// Finds the objects of a data set's images, or the proposals.
///
/// What is found in an image depends on that image alone, so ranks take whole images and the result does
/// not depend on how many ranks there are.
final class DatasetDetections {
  let dataset: DetectionDataset
  private let images: DetectionImages
  private let part: EvaluatedPart
  private let ranks: ProcessGroup
  private let rankProgress: RankProgress?

  init(
    _ dataset: DetectionDataset, _ images: DetectionImages, _ part: EvaluatedPart,
    ranks: ProcessGroup, rankProgress: RankProgress? = nil
  ) {
    self.dataset = dataset
    self.images = images
    self.part = part
    self.ranks = ranks
    self.rankProgress = rankProgress
  }

  /// Images that the rank with the most has.
  var imagesOfRank: Int { (dataset.images.count + ranks.count - 1) / ranks.count }

  /// All ranks' detections in the images' order, best first in an image; empty on other ranks than 0. Collective.
  ///
  /// - Parameter progress: called with the images that this rank has done.
  /// - Throws: `CollectiveFailure` with the error of the first rank that failed.
  func all(progress: (Int) -> Void = { _ in }) throws -> [Detection] {
    var numbers: [Double] = []
    let own = stride(from: ranks.rank, to: dataset.images.count, by: ranks.count)
    try ranks.together {
      for (place, index) in own.enumerated() {
        rankProgress?.move(to: .evaluating, layer: place)
        let sample = try images.readForTest(index)
        for object in try part.found(in: sample) {
          let box = sample.box(object.box)
          numbers += [
            Double(index), Double(object.label - 1), box.x1, box.y1, box.x2, box.y2,
            Double(object.score),
          ]
        }
        progress(place + 1)
      }
    }
    let width = 7
    let detections = try ranks.control.gather(numbers).flatMap { numbers in
      stride(from: 0, to: numbers.count, by: width).map { first in
        Detection(
          image: Int(numbers[first]), category: Int(numbers[first + 1]),
          box: Box(
            x1: numbers[first + 2], y1: numbers[first + 3], x2: numbers[first + 4],
            y2: numbers[first + 5]), score: numbers[first + 6])
      }
    }
    // Each rank's are in the images' order already, and sorting must not change that of an image.
    return detections.enumerated().sorted {
      ($0.element.image, $0.offset) < ($1.element.image, $1.offset)
    }.map(\.element)
  }

  /// What detections of all images come to.
  func scores(_ found: [Detection]) -> any DetectorScores { part.scores(dataset, found) }
}

/// A detector's evaluation between steps.
final class DetectionPass: EvaluationPass {
  private let detections: DatasetDetections
  private let ranks: ProcessGroup
  /// Rank 0's newest scores and detections.
  private(set) var last: (scores: any DetectorScores, detections: [Detection])?

  init(_ detections: DatasetDetections, ranks: ProcessGroup) {
    self.detections = detections
    self.ranks = ranks
  }

  var split: MetricsRecord.Split { .validation }

  var length: Int { detections.imagesOfRank }

  func run(
    isLast: Bool, progress: (_ completed: Int, _ images: Int) -> Void
  ) throws -> EvaluationFigures {
    let images = detections.dataset.images.count
    let found = try detections.all { progress($0, min($0 * ranks.count, images)) }
    let scores = ranks.isFirst ? detections.scores(found) : nil
    if let scores { last = (scores, found) }
    return try broadcast(scores, images: images)
  }

  /// Rank 0's scores on all ranks. Collective.
  private func broadcast(
    _ scores: (any DetectorScores)?, images: Int
  ) throws -> EvaluationFigures {
    let own = scores?.figures ?? []
    let values = try ranks.control.broadcast(own.map(\.value))
    let names = try ranks.control.broadcast(own.map(\.name).joined(separator: "\n"))
    let figures = zip(names.split(separator: "\n"), values).map {
      MetricsRecord.Figure(String($0), $1)
    }
    return EvaluationFigures(
      loss: nil, error: 1 - max(0, figures.first?.value ?? 0), images: images, figures: figures)
  }
}
