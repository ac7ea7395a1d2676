/// Losses of real-valued outputs: squared error and smooth L1.

import Kernels
import Tensors

/// The error of every element of an output against a map of the same shape, summed over elements and
/// averaged over the mini-batch's images.
package struct RegressionError: Loss {
  package enum Kind: Hashable, Sendable {
    case squared
    /// Quadratic up to `beta`, linear from there on (Girshick 2015, arXiv 1504.08083, eq. 3).
    case smoothL1(beta: Double)
  }

  package let kind: Kind
  package let target: TargetLayout
  /// The loss's share in the sum of all losses.
  package let weight: Double
  package let metrics: [String] = []

  package init(_ kind: Kind, target: TargetLayout, weight: Double = 1) {
    self.kind = kind
    self.target = target
    self.weight = weight
  }

  package func accepts(_ inputs: [ImageShape]) -> Bool {
    inputs.count == 1 && inputs[0].count == target.count
  }

  package func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] { [] }

  package func layer(_ step: LoweredStep) -> any PlannedLayer {
    RegressionErrorLayer(
      name: step.name, predictions: step.source(0), gradient: step.inputGradient(0), loss: self,
      sums: step.lossSumsOffset, target: step.targetIndex)
  }
}

private struct RegressionErrorLayer: PlannedLayer {
  let name: String
  let predictions: ActivationSource
  /// Nil in evaluation plans.
  let gradient: GradientTarget?
  let loss: RegressionError
  let sums: Int
  let target: Int

  var needsTargets: Bool { true }

  func forward(_ pass: PassContext) {
    pass.forEachShard { shard, _ in
      let predictions = predictions.stored(pass, shard: shard)
      let targets = pass.values(target, loss.target, shard: shard)
      let target = gradient.map { pass.tensor($0.slot, shard: shard).base }
      let accumulate = gradient?.accumulate ?? false
      let scale = loss.weight / Double(max(pass.miniBatchCount, 1))
      let sum =
        switch loss.kind {
        case .squared:
          RegressionLoss.squaredError(
            predictions: predictions, targets: targets, gradient: target, gradientScale: scale,
            accumulate: accumulate)
        case .smoothL1(let beta):
          RegressionLoss.smoothL1(
            predictions: predictions, targets: targets, beta: beta, gradient: target,
            gradientScale: scale, accumulate: accumulate)
        }
      let result = pass.lossSums(sums, shard: shard)
      result[0] = Double(predictions.images)
      result[1] = loss.weight * sum
    }
  }

  /// The gradient was made in the forward pass.
  func backward(_ pass: PassContext) {}
}
