/// Smoothed labels: PyTorch's loss and gradient, in training only.

import Kernels
import Networks
import Safetensors
import Tensors
import TestSupport
import Testing

/// Calls `body` with the logits of the fixture of PyTorch's cross-entropy, [6, 10].
func withLogits<Result>(
  of file: SafetensorsFile, _ body: (ImageTensor) throws -> Result
) throws -> Result {
  var logits = try file.float32("logits", shape: [6, 10])
  return try logits.withUnsafeMutableBufferPointer {
    try body(
      ImageTensor(
        base: $0.baseAddress!, images: 6, shape: ImageShape(height: 1, width: 1, channels: 10)))
  }
}

@Suite struct LabelSmoothingTests {
  @Test("loss and gradient are those of PyTorch's CrossEntropyLoss", arguments: [0.0, 0.1, 0.5])
  func pyTorch(smoothing: Double) throws {
    let file = try NetworkFixture.open("label-smoothing")
    let labels = try file.int64("labels", shape: [6]).map { Int32($0) }
    var gradient = [Float](repeating: .nan, count: 60)
    let sums = try withLogits(of: file) { logits in
      labels.withUnsafeBufferPointer { labels in
        SoftmaxCrossEntropy.evaluate(
          logits: logits, labels: VectorView(labels), gradient: &gradient, gradientScale: 1.0 / 6,
          labelSmoothing: smoothing)
      }
    }
    let loss = try file.float32("loss.\(smoothing)", shape: [])[0]
    #expect(abs(Float(sums.loss / 6) - loss) <= 1e-6 * loss)
    let expected = try file.float32("gradient.\(smoothing)", shape: [6, 10])
    #expect(normwiseError(gradient, expected) <= 1e-6)
  }

  @Test("a network's training loss is smoothed and its evaluation's is not")
  func trainingOnly() throws {
    let architecture = Architecture.small()
    let batch = Batch(of: architecture, count: 4, seed: 1)
    let layout = try ShardLayout(batch: 4, shards: 2)
    let replica = TrainingReplica(
      ClassificationHead(labelSmoothing: 0.1).attached(to: architecture), training: layout,
      evaluation: layout, exchange: SingleRankExchange())
    replica.initialize(seed: 1)
    func reference(_ logits: some Sequence<Float>, labelSmoothing: Double) -> Double {
      referenceCrossEntropy(
        logits: logits.map(Double.init), labels: batch.labels.map { Int($0) }, count: 1,
        labelSmoothing: labelSmoothing)
    }
    let training = try replica.train(batch)
    let smoothed = reference(replica.trainingLogits, labelSmoothing: 0.1)
    #expect(abs(training.loss - smoothed) <= 1e-9 * smoothed)
    #expect(abs(smoothed - reference(replica.trainingLogits, labelSmoothing: 0)) > 1e-3)
    let evaluation = try replica.evaluate(batch)
    let plain = reference(evaluation.logits, labelSmoothing: 0)
    #expect(abs(evaluation.sums.loss - plain) <= 1e-9 * plain)
  }
}
