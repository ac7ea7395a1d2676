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
      // In steps, so that a chain of normalizations stays in the second-level cache.
      let step = max(1, 48 * 1024 / scratch.shape.count)
      for first in stride(from: 0, to: slices.range.count, by: step) {
        let begin = slices.range.lowerBound + first
        let part = begin..<min(begin + step, slices.range.upperBound)
        normalization.apply(
          ImageSlices(range: part, perImage: slices.perImage), workspace, direction,
          into: ImageTensor(
            base: scratch.base + first * scratch.shape.count, images: part.count,
            shape: scratch.shape))
      }
      return scratch
    }
  }
}
