/// Which parts of a detector a run trains (Ren et al. 2015, §3.2).

/// By which losses, and therefore which layers; the layers of the other part keep their values.
package enum DetectorTraining: String, CaseIterable, Sendable {
  /// All layers by both losses ("approximate joint training").
  case joint
  /// Proposals and regions in turn ("4-step alternating training"): four runs, each of which trains one part.
  case fourSteps = "four-steps"
  /// The shared layers and the region proposal network, by its loss.
  case proposals = "rpn"
  /// The shared layers and those that see regions, by their loss.
  case regions = "fast-rcnn"

  package var includesProposals: Bool {
    switch self {
    case .joint, .fourSteps, .proposals: true
    case .regions: false
    }
  }

  package var includesRegions: Bool {
    switch self {
    case .joint, .fourSteps, .regions: true
    case .proposals: false
    }
  }
}
