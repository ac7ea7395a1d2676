/// Whether a run normalizes images as its weights were trained.

import Datasets
import Networks
import Tensors

/// What the weights that a run starts from say of their images.
struct SourcePreprocessing {
  let weights: String
  /// The `mean` and `std` that they were trained with; nil: they do not say.
  let tensors: [StateTensor]?

  /// A warning where `normalization` is another one; nil: it is the same, or nobody knows.
  func note(_ normalization: Normalization, shape: ImageShape) -> String? {
    guard let tensors else { return nil }
    let own = Preprocessing.tensors(normalization, shape: shape)
    if Self.areClose(own, tensors) { return nil }
    return "note: \(weights) was trained on images with \(Self.text(tensors)), this run has "
      + "\(Self.text(own)): --mean and --std make them the same"
  }

  private static func areClose(_ first: [StateTensor], _ second: [StateTensor]) -> Bool {
    first.allSatisfy { tensor in
      guard let other = second.first(where: { $0.name == tensor.name }) else { return false }
      return other.values.count == tensor.values.count
        && zip(tensor.values, other.values).allSatisfy { abs($0 - $1) < 0.01 }
    }
  }

  private static func text(_ tensors: [StateTensor]) -> String {
    tensors.sorted { $0.name < $1.name }.map { tensor in
      let values =
        tensor.values.count > 3
        ? "an image"
        : tensor.values.map { "\(($0 * 1000).rounded() / 1000)" }.joined(separator: ",")
      return "\(tensor.name) \(values)"
    }.joined(separator: " and ")
  }
}
