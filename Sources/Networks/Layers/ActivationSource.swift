/// Where a layer finds its input's activations.

import Kernels
import Tensors

enum ActivationSource {
  case stored(Place)
  /// The output of a normalization, stored or computed again as the plan has decided.
  case normalized(BatchNormalizationLayer)

  /// Whether a pass computes the values in scratch.
  var isRecomputed: Bool {
    if case .normalized(let normalization) = self {
      normalization.storage != .always
    } else {
      false
    }
  }

  /// The values of `slices`: where they are stored, or in `scratch`, which has room for them.
  func values(
    _ slices: ImageSlices, _ workspace: Workspace, _ direction: PassDirection,
    scratch: ImageTensor
  ) -> ImageTensor {
    switch self {
    case .stored(let place):
      return workspace.tensor(place, slices)
    case .normalized(let normalization):
      if let place = normalization.output, normalization.storage.serves(direction) {
        return workspace.tensor(place, slices)
      }
      normalization.apply(slices, workspace, direction, into: scratch)
      return scratch
    }
  }
}
