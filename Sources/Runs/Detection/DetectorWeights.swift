/// The weights that a detector starts from: a classifier's, or a detector's.

import Detection
import Networks

extension WeightsFile {
  /// What loading left as it was.
  struct DetectorParts {
    /// Whether the file is of a classifier, so that proposals and regions start anew.
    var isClassifier = false
    /// Of the file's last layers, which do not fit, so that they start anew; nil: they fit.
    var replaced: Predictor?
  }

  /// What the last layers are for.
  struct Predictor: Equatable {
    let classes: Int
    /// What they read of a region, and of the image where there is global context.
    let features: Int
  }

  /// Whether the file is of a detector, which proposes regions.
  var hasProposals: Bool { tensors.contains { $0.name.hasPrefix(Self.proposalPrefix) } }

  /// Sets the parameters of a detector: all of them from a detector's file; the backbone from a classifier's.
  ///
  /// torchvision's detectors prefix the backbone's names with `backbone.` or `backbone.body.`.
  /// - Throws: `StateDictionaryError` where the backbone is another or not whole.
  func loadDetector(into replica: Replica) throws -> DetectorParts {
    let own = replica.stateDictionary()
    var given = Dictionary(
      tensors.map { (Self.withoutBackbonePrefix($0.name), $0) }, uniquingKeysWith: { $1 })
    var parts = DetectorParts()
    parts.isClassifier = !hasProposals
    given = given.filter { !$0.key.hasPrefix("fc.") }
    let heads = own.filter { $0.name.hasPrefix(Self.predictorPrefix) }
    if parts.isClassifier {
      for tensor in own where Self.isDetectors(tensor.name) { given[tensor.name] = tensor }
    } else if heads.contains(where: { given[$0.name]?.shape != $0.shape }),
      let weight = given["\(Self.predictorPrefix)cls_score.weight"], weight.shape.count == 2
    {
      parts.replaced = Predictor(classes: weight.shape[0] - 1, features: weight.shape[1])
      for tensor in heads { given[tensor.name] = tensor }
    }
    try replica.load(
      stateDictionary: given.map {
        StateTensor(name: $0.key, shape: $0.value.shape, values: $0.value.values)
      })
    return parts
  }

  private static let proposalPrefix = "rpn."
  private static let predictorPrefix = "roi_heads.box_predictor."
  /// How the names of a detector's parameters begin that are none of the backbone's.
  static let detectorPrefixes = [proposalPrefix, "roi_heads."]

  /// Whether a parameter is none of the backbone's.
  private static func isDetectors(_ name: String) -> Bool {
    detectorPrefixes.contains { name.hasPrefix($0) }
  }

  private static func withoutBackbonePrefix(_ name: String) -> String {
    for prefix in ["backbone.body.", "backbone."] where name.hasPrefix(prefix) {
      return String(name.dropFirst(prefix.count))
    }
    return name
  }
}
