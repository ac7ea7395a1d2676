/// The evaluations of a detection run: every image once, on any number of ranks.

import Console
import Detection
import DetectionData
import Distributed
import Foundation
import MPI
import Networks
import Optimizers
import Settings

/// Finds the objects of a data set's images.
///
/// What is found in an image depends on that image alone, so ranks take whole images and the result does
/// not depend on how many ranks there are.
final class DatasetDetections {
  let dataset: DetectionDataset
  private let images: DetectionImages
  private let finder: ObjectFinder
  private let ranks: ProcessGroup
  private let rankProgress: RankProgress?

  init(
    _ dataset: DetectionDataset, _ images: DetectionImages, _ finder: ObjectFinder,
    ranks: ProcessGroup, rankProgress: RankProgress? = nil
  ) {
    self.dataset = dataset
    self.images = images
    self.finder = finder
    self.ranks = ranks
    self.rankProgress = rankProgress
  }

  /// Images that the rank with the most has.
  var imagesOfRank: Int { (dataset.images.count + ranks.count - 1) / ranks.count }

  /// All ranks' detections in the images' order, best first in an image; empty on other ranks than 0. Collective.
  ///
  /// - Parameter progress: called with the images that this rank has done.
  func all(progress: (Int) -> Void = { _ in }) throws -> [Detection] {
    var numbers: [Double] = []
    for (place, index) in stride(from: ranks.rank, to: dataset.images.count, by: ranks.count)
      .enumerated()
    {
      rankProgress?.move(to: .evaluating, layer: place)
      let sample = try images.readForTest(index)
      for object in try finder.objects(in: sample.image, scales: sample.scales) {
        let box = sample.box(object.box)
        numbers += [
          Double(index), Double(object.label - 1), box.x1, box.y1, box.x2, box.y2,
          Double(object.score),
        ]
      }
      progress(place + 1)
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
}

/// Evaluates on all ranks at epochs' ends, and logs the result on rank 0.
final class DetectionEvaluator: EpochEvaluations {
  private let detections: DatasetDetections
  /// The average that is evaluated instead of the weights; nil: the weights are.
  private let average: WeightAverage?
  /// Epochs between evaluations.
  private let interval: Int
  private let timeline: TrainingTimeline
  private let clock: TrainingClock
  private let report: RunReport?
  private let stop: StopMonitor
  private let ranks: ProcessGroup
  /// The newest result, and the step after which it was found.
  private var newest: (step: Int, figures: EvaluationFigures)?
  /// Rank 0's newest scores and detections.
  private(set) var last: (scores: DetectionScores, detections: [Detection])?

  init(
    _ detections: DatasetDetections, average: WeightAverage?, interval: Int,
    timeline: TrainingTimeline,
    clock: TrainingClock, stop: StopMonitor, ranks: ProcessGroup, report: RunReport?
  ) {
    self.detections = detections
    self.average = average
    self.interval = interval
    self.timeline = timeline
    self.clock = clock
    self.stop = stop
    self.ranks = ranks
    self.report = report
  }

  func evaluateIfDue(
    _ progress: TrainingProgress, learningRate: Double
  ) throws -> EvaluationFigures? {
    guard timeline.isEvaluationDue(progress, every: interval) else { return nil }
    return try evaluate(progress, learningRate: learningRate)
  }

  /// The result at the run's end, from an evaluation that is made now where none has been. Collective.
  func finalFigures(_ progress: TrainingProgress) throws -> EvaluationFigures {
    if let newest, newest.step == progress.step { return newest.figures }
    return try evaluate(
      progress, learningRate: progress.schedule.rate(afterSteps: progress.step))
  }

  private func evaluate(
    _ progress: TrainingProgress, learningRate: Double
  ) throws -> EvaluationFigures {
    let epoch = timeline.epoch(ofStep: progress.step)
    let images = detections.dataset.images.count
    let bar = report?.bar
    bar?.begin("validation \(epoch)/\(timeline.epochs)", total: detections.imagesOfRank)
    defer { bar?.finish() }
    var figures = EvaluationFigures(loss: nil, error: 1, images: images)
    let duration = try clock.pause {
      let found = try average.evaluating {
        try detections.all {
          bar?.update(completed: $0, images: min($0 * ranks.count, images))
          report?.status.isEvaluating()
        }
      }
      let scores = ranks.isFirst ? DetectionScores(detections.dataset, found) : nil
      if let scores { last = (scores, found) }
      figures = try broadcast(scores, images: images)
    }
    stop.didEvaluate(seconds: duration.seconds)
    newest = (progress.step, figures)
    try report?.files.append(
      MetricsRecord(
        step: progress.step, epoch: epoch, split: .validation, images: images, loss: nil,
        top1Error: nil, learningRate: learningRate,
        imagesPerSecond: MetricsRecord.rate(images, duration), seconds: clock.total.seconds,
        figures: figures.figures))
    return figures
  }

  /// Rank 0's scores on all ranks. Collective.
  private func broadcast(
    _ scores: DetectionScores?, images: Int
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
