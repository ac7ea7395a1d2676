/// Replicas whose plans differ and whose results must not.

import Kernels
import Networks
import Optimizers
import Testing

/// Trains both replicas, which hold all shards of equal mini-batches, for two steps of `parts` parts each, and
/// evaluates them: losses, gradients, statistics and logits must agree in every bit.
func expectSameBits(
  _ one: TrainingReplica, _ other: TrainingReplica, parts: Int = 1,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let layout = one.trainingLayout
  let optimizers = [one, other].map {
    Optimizer(SGD(momentum: 0.9, weightDecay: 1e-4, normalizationWeightDecay: 0), of: $0)
  }
  for step in 0..<2 {
    for index in 0..<parts {
      let batch = Batch(
        of: one.architecture, count: layout.batch, seed: UInt64(step * parts + index))
      let part = MicroBatchIndex(index: index, of: parts)
      let sums = try [one, other].map { replica in
        try batch.withTargets {
          ClassificationSums(
            shards: try replica.trainingPass(
              images: batch.images, targets: $0, microBatch: part))
        }
      }
      #expect(sums[0] == sums[1], "step \(step)", sourceLocation: sourceLocation)
      let sameGradients = bits(one.gradients) == bits(other.gradients)
      #expect(sameGradients, "step \(step)", sourceLocation: sourceLocation)
    }
    let sameStatistics = bits(one.runningStatistics) == bits(other.runningStatistics)
    #expect(sameStatistics, "step \(step)", sourceLocation: sourceLocation)
    for optimizer in optimizers { optimizer.step(learningRate: 0.05) }
  }
  let batch = Batch(of: one.architecture, count: layout.batch, seed: 9)
  for count in [layout.batch, layout.batch - 1] {
    #expect(
      try one.evaluate(batch[0..<count]) == other.evaluate(batch[0..<count]),
      sourceLocation: sourceLocation)
  }
}
