/// Binary cross-entropy against timm's, from `Oracles/networks/make_binary_loss_fixture.py`.

import Foundation
import Kernels
import Networks
import Safetensors
import Tensors
import TestSupport
import Testing

@Suite struct BinaryLossTests {
  @Test(
    "loss and gradient are those of timm's BinaryCrossEntropy",
    arguments: [
      ("labels", 0, nil), ("smoothed", 0.1, nil), ("thresholded", 0.1, 0.2), ("mixed", 0, nil),
      ("mixed-thresholded", 0, 0.2),
    ] as [(String, Double, Double?)])
  func timm(name: String, smoothing: Double, threshold: Double?) throws {
    let file = try NetworkFixture.open("binary-loss")
    let rule = BinaryCrossEntropy.TargetRule(labelSmoothing: smoothing, threshold: threshold)
    let labels = try file.int64("labels", shape: [6]).map { Int32($0) }
    let targets = try file.float32("targets", shape: [6, 10])
    // What is there is added to.
    var gradient = [Float](repeating: 1, count: 60)
    var sums = ClassificationSums()
    for accumulate in [true, false] {
      sums = try withLogits(of: file) { logits in
        labels.withUnsafeBufferPointer { labels in
          targets.withUnsafeBufferPointer { targets in
            name.hasPrefix("mixed")
              ? BinaryCrossEntropy.evaluate(
                logits: logits, targets: VectorView(targets), rule: rule, gradient: &gradient,
                gradientScale: 1.0 / 6, accumulate: accumulate)
              : BinaryCrossEntropy.evaluate(
                logits: logits, labels: VectorView(labels), rule: rule, gradient: &gradient,
                gradientScale: 1.0 / 6, accumulate: accumulate)
          }
        }
      }
      let expected = try file.float32("gradient.\(name)", shape: [6, 10])
      let found = accumulate ? gradient.map { $0 - 1 } : gradient
      #expect(normwiseError(found, expected) <= (accumulate ? 1e-5 : 1e-6))
    }
    let loss = try file.float32("loss.\(name)", shape: [])[0]
    #expect(abs(Float(sums.loss / 6) - loss) <= 1e-6 * loss)
    #expect(sums.images == 6)
  }

  @Test("images are right as for cross-entropy: by the highest logits")
  func ranks() throws {
    let file = try NetworkFixture.open("binary-loss")
    let targets = try file.float32("targets", shape: [6, 10])
    let (binary, softmax) = try withLogits(of: file) { logits in
      targets.withUnsafeBufferPointer { targets in
        (
          BinaryCrossEntropy.evaluate(
            logits: logits, targets: VectorView(targets), rule: .init(threshold: 0.2),
            gradient: nil, gradientScale: 1),
          SoftmaxCrossEntropy.evaluate(
            logits: logits, targets: VectorView(targets), gradient: nil, gradientScale: 1)
        )
      }
    }
    #expect(binary.top1 == softmax.top1 && binary.top5 == softmax.top5)
    #expect(binary.loss != softmax.loss)
  }

  @Test("a network trains with it, and its evaluation measures cross-entropy")
  func trainingOnly() throws {
    let architecture = Architecture.small()
    let batch = Batch(of: architecture, count: 4, seed: 1)
    let layout = try ShardLayout(batch: 4, shards: 2)
    let replicas = [
      ClassificationHead(BinaryCrossEntropyLoss(.init())), ClassificationHead(),
    ].map { head in
      TrainingReplica(
        head.attached(to: architecture), training: layout, evaluation: layout,
        exchange: SingleRankExchange())
    }
    for replica in replicas { replica.initialize(seed: 1) }
    #expect(try replicas[0].evaluate(batch).sums == replicas[1].evaluate(batch).sums)
    let sums = try replicas[0].train(batch)
    // Σ over classes of log(1 + exp(x)) − x · target, in their mean.
    let logits = Array(replicas[0].trainingLogits)
    var expected = 0.0
    for image in 0..<4 {
      for index in 0..<10 {
        let logit = Double(logits[image * 10 + index])
        let softplus = log(1 + exp(logit))
        expected += (softplus - (index == Int(batch.labels[image]) ? logit : 0)) / 10
      }
    }
    #expect(abs(sums.loss - expected) <= 1e-9 * expected)
  }
}
