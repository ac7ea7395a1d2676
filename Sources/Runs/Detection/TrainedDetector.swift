/// A detector with its weights, and how images become its input.

import Datasets
import Detection
import DetectionData
import Distributed
import Networks
import Settings
import Tensors

/// What evaluations and predictions start from, on each rank.
final class TrainedDetector {
  let configuration: TrainingConfiguration
  let detector: Detector
  let classes: [String]
  let normalization: Normalization
  /// Of all parameters.
  let parametersSHA256: String
  /// Takes the memory for the largest images.
  private let replica: Replica
  /// Where regions come from; nil: from the detector itself.
  private let proposals: ProposalNetwork?

  /// Reads weights; every rank does.
  ///
  /// - Parameters:
  ///   - weights: a run folder, a checkpoint or a file with a detector's weights.
  ///   - changes: over the settings of the run that the weights are from.
  ///   - classes: names, where the weights have none.
  /// - Throws: `NoDetector`, and what reading weights throws.
  init(_ weights: String, changes: ConfigurationChanges, classes: [String]?) throws {
    let file = try WeightsFile(weights)
    guard
      let weight = file.tensors.first(where: {
        $0.name.hasSuffix("box_predictor.cls_score.weight")
      }), weight.shape.count == 2
    else { throw NoDetector(path: file.path) }
    let count = weight.shape[0] - 1
    var configuration = changes.applied(to: try .ofRun(weights: weights))
    configuration.network.weights = weights
    if configuration.network.model == NetworkSettings.automatic {
      throw UnnamedBackbone(path: file.path)
    }
    let known = file.classNames
    self.classes =
      known.count == count ? known : classes ?? (1...max(count, 1)).map { "class \($0)" }
    guard self.classes.count == count else {
      throw OtherClasses(path: file.path, count: count, names: self.classes)
    }
    configuration.detection.network.usesContext =
      try configuration.detector(classes: count).hasContext(featureCount: weight.shape[1])
    detector = try configuration.detector(classes: count)
    normalization = try configuration.detectionNormalization(weights: weights)
    self.configuration = configuration
    let largest = configuration.detectionTestScales.last ?? configuration.detectionScale
    let architecture = detector.architecture(.test, input: largest.largest)
    replica = Replica(architecture, evaluation: .oneImage, exchange: SingleRankExchange())
    _ = try file.loadDetector(into: replica)
    parametersSHA256 = replica.parametersSHA256
    proposals = try configuration.detection.proposalsFrom.map { [detector] path in
      let network = ProposalNetwork(detector, largest: configuration.detectionScale.largest)
      try network.load(path)
      return network
    }
  }

  var finder: ObjectFinder {
    ObjectFinder(
      detector, rule: configuration.detection.rule, parameters: replica,
      proposals: proposals?.inTests)
  }

  func images(of dataset: DetectionDataset) -> DetectionImages {
    DetectionImages(dataset, configuration, normalization: normalization)
  }
}

extension DetectorError: UsageError {}

/// Weights of a network that finds no boxes.
struct NoDetector: UsageError, CustomStringConvertible {
  let path: String

  var description: String {
    "\(path) holds no detector (no roi_heads.box_predictor): give a run of 'detect train', or a file of its weights"
  }
}

/// Weights that do not say which network they are of.
struct UnnamedBackbone: UsageError, CustomStringConvertible {
  let path: String

  var description: String {
    "\(path) does not say which backbone it has: add --model, such as --model resnet50"
  }
}

/// Weights and data of different classes.
struct OtherClasses: UsageError, CustomStringConvertible {
  let path: String
  let count: Int
  let names: [String]

  var description: String {
    "\(path) tells \(count) classes apart, the data have \(names.count): "
      + names.prefix(10).joined(separator: ", ") + (names.count > 10 ? ", …" : "")
  }
}
