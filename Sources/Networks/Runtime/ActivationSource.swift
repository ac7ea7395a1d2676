/// Where a layer finds the values of an input.

import Kernels
import Tensors

/// The one way in which layers read their inputs: as stored, or computed while they are read.
package enum ActivationSource {
  case stored(TensorSlot)
  /// The output of a normalization, stored or computed again as the plan has decided.
  case normalized(BatchNormalizationLayer)

  /// Whether a pass that wants `element` computes the values in scratch.
  func needsScratch(_ element: ElementType) -> Bool {
    switch self {
    case .stored(let slot): slot.element != element
    case .normalized(let normalization): normalization.storage != .always
    }
  }

  /// The values of `slices`: where they are stored, or in `scratch`, which has room for them and the
  /// element type that is wanted.
  func values(
    _ slices: ImageSlices, _ pass: PassContext, _ direction: PassDirection, scratch: ImageTensor
  ) -> ImageTensor {
    switch self {
    case .stored(let slot):
      let stored = pass.tensor(slot, slices)
      if slot.element == scratch.element { return stored }
      Elementwise.copy(stored, to: scratch)
      return scratch
    case .normalized(let normalization):
      if let slot = normalization.output, normalization.storage.serves(direction) {
        return pass.tensor(slot, slices)
      }
      // In steps, so that a chain of normalizations stays in the second-level cache.
      let step = max(
        1, ReproducibleBlocking.activations(scratch.element) / scratch.shape.count)
      for first in stride(from: 0, to: slices.range.count, by: step) {
        let begin = slices.range.lowerBound + first
        let part = begin..<min(begin + step, slices.range.upperBound)
        normalization.apply(
          ImageSlices(range: part, perImage: slices.perImage), pass, direction,
          into: scratch.images(first..<first + part.count))
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
