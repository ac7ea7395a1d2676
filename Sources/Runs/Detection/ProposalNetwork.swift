/// The detector whose proposals another one is trained and tested with (`--proposals-from`).

import Detection
import Distributed
import Networks
import Settings
import Tensors

/// Its parameters and its memory, on each rank; nothing changes them.
final class ProposalNetwork {
  let replica: Replica
  private let detector: Detector

  /// Takes the memory.
  ///
  /// - Parameters:
  ///   - detector: what is trained or tested; the other one is of the same form.
  ///   - largest: of all images.
  init(_ detector: Detector, largest: ImageShape) {
    self.detector = detector
    replica = Replica(
      Self.architecture(detector, largest: largest), evaluation: .oneImage,
      exchange: SingleRankExchange())
  }

  private static func architecture(_ detector: Detector, largest: ImageShape) -> Architecture {
    detector.architecture(.proposals(detector.settings.trainingLimits), input: largest)
  }

  /// The memory that it takes.
  static func memory(_ detector: Detector, largest: ImageShape) -> MemoryNeed {
    MemoryNeed(
      architecture(detector, largest: largest), training: nil, evaluation: .oneImage, threads: 1)
  }

  /// Reads the weights.
  ///
  /// - Parameter path: a run, a checkpoint or a file with a detector's weights.
  /// - Throws: `ProposalNetworkError`, and what reading weights throws.
  func load(_ path: String) throws {
    let file = try WeightsFile(path)
    guard file.hasProposals else { throw ProposalNetworkError.noProposals(path: file.path) }
    if file.state != nil {
      let other = try TrainingConfiguration.ofRun(weights: path).detection.network.anchors
      if other != detector.settings.anchors {
        throw ProposalNetworkError.otherAnchors(path: file.path)
      }
    }
    do { _ = try file.loadDetector(into: replica) } catch let error as StateDictionaryError {
      throw ProposalNetworkError.otherNetwork(path: file.path, reason: "\(error)")
    }
  }

  /// Of training images.
  var inTraining: ProposalFinder { finder(detector.settings.trainingLimits) }
  /// Of test images.
  var inTests: ProposalFinder { finder(detector.settings.testLimits) }

  private func finder(_ limits: RegionProposal.Limits) -> ProposalFinder {
    ProposalFinder(detector, limits: limits, parameters: replica)
  }
}

/// Weights that give no proposals.
enum ProposalNetworkError: UsageError, CustomStringConvertible {
  case noProposals(path: String)
  case otherAnchors(path: String)
  case otherNetwork(path: String, reason: String)
  /// There are settings for proposals of another network, but a run that does not take them.
  case notTaken
  /// The regions are trained with proposals of a network that nobody trained.
  case untrained

  var description: String {
    let advice = "give a run of 'detect train --training rpn', or a detector's weights"
    return switch self {
    case .noProposals(let path):
      "--proposals-from: \(path) has no proposal network (no rpn.head): \(advice)"
    case .otherAnchors(let path):
      "--proposals-from: \(path) was trained with other anchors: use its --anchor-sizes and --anchor-ratios"
    case .otherNetwork(let path, let reason): "--proposals-from: \(path): \(reason)"
    case .notTaken:
      "--proposals-from is for --training fast-rcnn; the four steps find their proposals themselves"
    case .untrained:
      "--training fast-rcnn trains regions on the proposals of a network that is trained already: "
        + "\(advice) as --proposals-from, or a detector's weights as --weights"
    }
  }
}
