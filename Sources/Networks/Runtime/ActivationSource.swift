/// Where a layer finds the values of an input.

import Kernels
import Tensors

/// The one way in which layers read their inputs: as stored, or computed while they are read.
package enum ActivationSource {
  case stored(TensorSlot)
  /// The output of a normalization, stored or computed again as the plan has decided.
  case normalized(BatchNormalizationLayer)

  /// Whether a pass computes the values in scratch.
  var isRecomputed: Bool {
    switch self {
    case .stored: false
    case .normalized(let normalization): normalization.storage != .always
    }
  }

  /// The values of `slices`: where they are stored, or in `scratch`, which has room for them.
  func values(
    _ slices: ImageSlices, _ pass: PassContext, _ direction: PassDirection, scratch: ImageTensor
  ) -> ImageTensor {
    switch self {
    case .stored(let slot):
      return pass.tensor(slot, slices)
    case .normalized(let normalization):
      if let slot = normalization.output, normalization.storage.serves(direction) {
        return pass.tensor(slot, slices)
      }
      // In steps, so that a chain of normalizations stays in the second-level cache.
      let step = max(1, ReproducibleBlocking.activations / scratch.shape.count)
      for first in stride(from: 0, to: slices.range.count, by: step) {
        let begin = slices.range.lowerBound + first
        let part = begin..<min(begin + step, slices.range.upperBound)
        normalization.apply(
          ImageSlices(range: part, perImage: slices.perImage), pass, direction,
          into: ImageTensor(
            base: scratch.base + first * scratch.shape.count, images: part.count,
            shape: scratch.shape))
      }
      return scratch
    }
  }

  /// The slot of an input that is read whole, from memory (`InputAccess.memory`).
  private var memory: TensorSlot {
    switch self {
    case .stored(let slot): slot
    case .normalized(let normalization): normalization.output!
    }
  }

  /// The values of `slices` of an input that is read from memory.
  package func stored(_ pass: PassContext, _ slices: ImageSlices) -> ImageTensor {
    pass.tensor(memory, slices)
  }

  /// The values of one local shard of an input that is read from memory.
  package func stored(_ pass: PassContext, shard: Int) -> ImageTensor {
    pass.tensor(memory, shard: shard)
  }
}
