/// One `resnet-dist detect eval`.

import Console
import DetectionData
import Distributed
import Settings
import System

package final class DetectionEvaluationRun {
  /// Rank 0's.
  package struct Result {
    package let scores: DetectionScores
    package let detections: [Detection]
    package let dataset: DetectionDataset
    package let parametersSHA256: String
  }

  private let trained: TrainedDetector
  private let dataset: DetectionDataset
  private let ranks: ProcessGroup
  private let console: any Console

  /// Opens weights and images. Collective.
  ///
  /// - Parameters:
  ///   - weights: a run folder, a checkpoint or a file with a detector's weights.
  ///   - changes: over the settings of the run that the weights are from.
  /// - Throws: `CollectiveFailure`.
  package init(
    weights: String, changes: ConfigurationChanges, ranks: ProcessGroup, console: any Console
  ) throws {
    (trained, dataset) = try ranks.together {
      let configuration = changes.applied(to: try .ofRun(weights: weights))
      guard let folder = configuration.data.testDirectory ?? configuration.data.directory else {
        throw DetectionFolderMissing()
      }
      let known = try WeightsFile(weights).classNames
      var options = DetectionDataset.Options()
      options.strict = configuration.detection.isStrict
      options.imageSet = configuration.detection.testSet
      options.classes = known.isEmpty ? nil : known
      var dataset = try DetectionDataset.open(folder, .validation, options: options)
      if let limit = configuration.data.testLimit { dataset = dataset.subset(first: limit) }
      return (
        try TrainedDetector(weights, changes: changes, classes: dataset.classes), dataset
      )
    }
    try ranks.agree(on: [
      ("the images", dataset.fingerprint), ("the weights", trained.parametersSHA256),
    ])
    try dataset.checkSizes(trained.configuration.data.decoding, ranks: ranks)
    (self.ranks, self.console) = (ranks, console)
  }

  /// Evaluates all images. Collective.
  ///
  /// - Returns: nil on other ranks than 0.
  package func evaluate() throws -> Result? {
    if ranks.isFirst {
      var table = SummaryTable()
      table.add("network", trained.detector.name)
      table.add("evaluating on", DetectionSummary.text(dataset) + ", \(dataset.setName)")
      table.write(to: console)
      for note in dataset.notes { console.writeLine(note) }
      if !trained.detector.settings.training.includesRegions {
        console.writeLine(
          "note: the run trained proposals alone (--training rpn): its regions are scored by the weights that it "
            + "began with")
      }
    }
    let detections = DatasetDetections(
      dataset, trained.images(of: dataset), .objects(trained.finder), ranks: ranks)
    let bar = ranks.isFirst ? ProgressBar(console: console) : nil
    bar?.begin("evaluate", total: detections.imagesOfRank)
    let found = try ranks.endTogether {
      try detections.all {
        bar?.update(completed: $0, images: min($0 * ranks.count, dataset.images.count))
      }
    }
    bar?.finish()
    guard ranks.isFirst else { return nil }
    return Result(
      scores: DetectionScores(dataset, found), detections: found, dataset: dataset,
      parametersSHA256: trained.parametersSHA256)
  }
}
