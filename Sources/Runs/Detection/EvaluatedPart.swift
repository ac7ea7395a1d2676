/// What an evaluation of a detector looks for in images, and what it says of that: objects or proposals.

import Console
import Detection
import DetectionData
import DetectionMetrics

/// What a run's evaluations are of.
enum EvaluatedPart {
  case objects(ObjectFinder)
  /// Of a detector whose regions are not trained.
  case proposals(ProposalFinder)

  /// What is found in an image, best first; proposals are all of one class and one score.
  func found(in sample: DetectionImages.Sample) throws -> [DetectedObject] {
    switch self {
    case .objects(let finder): try finder.objects(in: sample.image, scales: sample.scales)
    case .proposals(let finder):
      try finder.boxes(in: sample.image).map { DetectedObject(box: $0, label: 1, score: 1) }
    }
  }

  /// - Parameter found: of all images.
  func scores(_ dataset: DetectionDataset, _ found: [Detection]) -> any DetectorScores {
    switch self {
    case .objects: DetectionScores(dataset, found)
    case .proposals(let finder):
      ProposalScores(recall: ProposalRecall(dataset, found), limit: finder.limit)
    }
  }
}

/// What an evaluation comes to.
protocol DetectorScores: Sendable {
  /// Those that logs have. The first is what evaluations are compared by: the higher the better, negative where there
  /// is nothing to find.
  var figures: [MetricsRecord.Figure] { get }

  /// For people, in lines.
  func text(_ dataset: DetectionDataset) -> String

  /// Writes what is worth a file of its own into a run folder.
  ///
  /// - Parameter console: takes what is to be said of it.
  func write(
    _ found: [Detection], of dataset: DetectionDataset, to folder: String, console: any Console
  ) throws
}

extension DetectionScores: DetectorScores {
  func write(
    _ found: [Detection], of dataset: DetectionDataset, to folder: String, console: any Console
  ) throws {
    try DetectionFiles.write(found, of: dataset, scores: self, to: folder, console: console)
  }
}

/// How many objects the proposals cover.
struct ProposalScores: DetectorScores {
  let recall: ProposalRecall
  /// Proposals of an image, at most.
  let limit: Int

  private static let overlap = 0.5
  /// The names of the two figures.
  static let names = (recall: "recall50", mean: "average_recall")

  var figures: [MetricsRecord.Figure] {
    [
      .init(Self.names.recall, recall.recall(at: Self.overlap)),
      .init(Self.names.mean, recall.mean),
    ]
  }

  func text(_ dataset: DetectionDataset) -> String {
    func percent(_ value: Double) -> String {
      value < 0 ? "–" : NumberFormat.percent(value, decimals: 2)
    }
    return
      "\(percent(recall.recall(at: Self.overlap))) of \(recall.objects.grouped) objects are covered by one of "
      + "\(limit) proposals an image at an overlap of \(Self.overlap), \(percent(recall.mean)) on average from 0.5 to 0.95\n"
  }

  func write(
    _ found: [Detection], of dataset: DetectionDataset, to folder: String, console: any Console
  ) {}
}
