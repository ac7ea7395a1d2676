/// Softmax cross-entropy with distributions over the classes, and outputs that two losses read.

import Kernels
import Networks
import Tensors
import TestSupport
import Testing

@Suite struct SoftTargetTests {
  @Test("loss and gradient are those of PyTorch's cross_entropy with class probabilities")
  func pyTorch() throws {
    let file = try NetworkFixture.open("label-smoothing")
    let probabilities = try file.float32("probabilities", shape: [6, 10])
    var gradient = [Float](repeating: .nan, count: 60)
    let sums = try withLogits(of: file) { logits in
      probabilities.withUnsafeBufferPointer { targets in
        SoftmaxCrossEntropy.evaluate(
          logits: logits, targets: VectorView(targets), gradient: &gradient,
          gradientScale: 1.0 / 6)
      }
    }
    let loss = try file.float32("loss.soft", shape: [])[0]
    #expect(abs(Float(sums.loss / 6) - loss) <= 1e-6 * loss)
    #expect(
      normwiseError(gradient, try file.float32("gradient.soft", shape: [6, 10])) <= 1e-6)
  }

  /// A small network without losses, of 10 classes.
  private static let network = Architecture.small(.b)

  /// The gradients and the losses' sums of a training pass.
  private func train(
    _ network: Architecture, _ batch: Batch, targets: [Float]
  ) throws -> (gradients: [Float], sums: [Double]) {
    let layout = try ShardLayout(batch: batch.count, shards: 2)
    let replica = TrainingReplica(
      network, training: layout, evaluation: layout, exchange: SingleRankExchange())
    replica.initialize(seed: 2)
    return try batch.labels.withUnsafeBufferPointer { labels in
      try targets.withUnsafeBufferPointer { targets in
        let blocks = network.targetLayouts.map { layout in
          switch layout.element {
          case .int32: VectorView(labels).bytes
          case .float32: VectorView(targets).bytes
          }
        }
        let sums = try replica.trainingPass(images: batch.images, targets: Targets(blocks))
        return (Array(replica.gradients), Array(sums))
      }
    }
  }

  private func probabilities(ofLabels batch: Batch) -> [Float] {
    batch.labels.flatMap { label in (0..<10).map { $0 == Int(label) ? 1 : 0 } }
  }

  @Test("one-hot probabilities train as labels do")
  func oneHot() throws {
    let batch = Batch(of: Self.network, count: 6, seed: 4)
    let hard = try train(
      Self.network.adding(SoftmaxCrossEntropyLoss(), "loss", of: Self.network.outputs[0]), batch,
      targets: [])
    let soft = try train(
      Self.network.adding(
        SoftmaxCrossEntropyLoss(classProbabilities: 10), "loss", of: Self.network.outputs[0]),
      batch, targets: probabilities(ofLabels: batch))
    #expect(normwiseError(soft.gradients, hard.gradients) < 1e-6)
    for (first, second) in zip(soft.sums, hard.sums) { #expect(abs(first - second) < 1e-9) }
  }

  @Test("two losses on one output add their gradients")
  func twoLosses() throws {
    let batch = Batch(of: Self.network, count: 6, seed: 5)
    var data = TestData(seed: 6)
    let weights = data.uniform(count: 60, from: 0, to: 1)
    let targets = weights.map { Float($0) }
    let output = Self.network.outputs[0]
    let hard = Self.network.adding(SoftmaxCrossEntropyLoss(), "hard", of: output)
    let soft = Self.network.adding(
      SoftmaxCrossEntropyLoss(classProbabilities: 10), "soft", of: output)
    let both = hard.adding(SoftmaxCrossEntropyLoss(classProbabilities: 10), "soft", of: output)
    let first = try train(hard, batch, targets: targets).gradients
    let second = try train(soft, batch, targets: targets).gradients
    let sum = zip(first, second).map { $0 + $1 }
    #expect(normwiseError(try train(both, batch, targets: targets).gradients, sum) < 1e-5)
    #expect(normwiseError(first, sum) > 0.01 && normwiseError(second, sum) > 0.01)
  }
}
