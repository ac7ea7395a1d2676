/// Agreement with PyTorch in Float64: forward, backward, running statistics and SGD.
///
/// Errors are the largest difference over a tensor in terms of the tensor's largest value.

import Networks
import Optimizers
import TestSupport
import Testing

private let tolerance = 1e-4

@Suite struct PyTorchAgreementTests {
  @Test("evaluation's logits are PyTorch's", arguments: NetworkFixture.names, [1, 4])
  func evaluation(name: String, shards: Int) throws {
    let fixture = try NetworkFixture(name)
    let logits = try fixture.replica(shards: shards).evaluate(fixture.batch()).logits
    let expected = try fixture.file.float32("logits_eval")
    #expect(normwiseError(logits, expected) < tolerance)
  }

  @Test("training's logits are PyTorch's", arguments: NetworkFixture.names, [1, 4])
  func trainingLogits(name: String, shards: Int) throws {
    let fixture = try NetworkFixture(name)
    let replica = try fixture.replica(shards: shards)
    _ = try replica.train(fixture.batch())
    let expected = try fixture.file.float32("logits_train")
    #expect(normwiseError(Array(replica.trainingLogits), expected) < tolerance)
  }

  @Test("training's loss is PyTorch's", arguments: NetworkFixture.names, [1, 4])
  func loss(name: String, shards: Int) throws {
    let fixture = try NetworkFixture(name)
    let sums = try fixture.replica(shards: shards).train(fixture.batch())
    let expected = Double(try fixture.file.float32("loss", shape: [])[0])
    #expect(sums.images == 6)
    #expect(abs(sums.loss / 6 - expected) < tolerance * expected)
  }

  @Test("every gradient is PyTorch's", arguments: NetworkFixture.names, [1, 4])
  func gradients(name: String, shards: Int) throws {
    let fixture = try NetworkFixture(name)
    let replica = try fixture.replica(shards: shards)
    _ = try replica.train(fixture.batch())
    for gradient in replica.gradientDictionary() {
      let expected = try fixture.file.float32("gradient.\(gradient.name)", shape: gradient.shape)
      #expect(normwiseError(gradient.values, expected) < tolerance, "\(gradient.name)")
    }
  }

  @Test(
    "the running statistics after a step are PyTorch's", arguments: NetworkFixture.names, [1, 4])
  func runningStatistics(name: String, shards: Int) throws {
    let fixture = try NetworkFixture(name)
    let replica = try fixture.replica(shards: shards)
    _ = try replica.train(fixture.batch())
    let statistics = replica.stateDictionary().filter { $0.name.contains("running_") }
    #expect(statistics.count == 2 * replica.parameterLayout.runningStatistics.count)
    for tensor in statistics {
      let expected = try fixture.file.float32("buffer_after.\(tensor.name)", shape: tensor.shape)
      #expect(normwiseError(tensor.values, expected) < tolerance, "\(tensor.name)")
    }
  }

  @Test(
    "five steps of SGD leave PyTorch's losses, parameters and statistics", arguments: [1, 4],
    [false, true])
  func sgd(shards: Int, nesterov: Bool) throws {
    let file = try NetworkFixture.open("sgd-resnet8-A")
    let expectation = nesterov ? try NetworkFixture.open("sgd-nesterov-resnet8-A") : file
    let losses = try expectation.float32("loss", shape: [5])
    let (replica, own) = try steps(
      shards: shards, nesterov: nesterov, learningRate: nesterov ? 0.001 : 0.1)
    for (step, (loss, expected)) in zip(own, losses.map(Double.init)).enumerated() {
      #expect(abs(loss - expected) < tolerance * expected, "step \(step)")
    }
    for tensor in replica.stateDictionary() {
      let kind = tensor.name.contains("running_") ? "buffer" : "parameter"
      let expected = try expectation.float32("\(kind).\(tensor.name)", shape: tensor.shape)
      #expect(normwiseError(tensor.values, expected) < 2 * tolerance, "\(tensor.name)")
    }
  }

  @Test("steps without Nesterov's momentum are farther from PyTorch's with it than the tolerance")
  func nesterovMatters() throws {
    let expectation = try NetworkFixture.open("sgd-nesterov-resnet8-A")
    let (replica, _) = try steps(shards: 1, nesterov: false, learningRate: 0.001)
    let errors = try replica.stateDictionary().filter { $0.name.hasSuffix("conv1.weight") }.map {
      normwiseError(
        $0.values, try expectation.float32("parameter.\($0.name)", shape: $0.shape))
    }
    #expect(errors.allSatisfy { $0 > 4 * tolerance }, "\(errors)")
  }

  /// Five steps from the state of resnet8-A; the mean loss before each.
  private func steps(
    shards: Int, nesterov: Bool, learningRate: Double
  ) throws -> (Replica, losses: [Double]) {
    let start = try NetworkFixture("resnet8-A", side: 32)
    let file = try NetworkFixture.open("sgd-resnet8-A")
    let replica = try start.replica(shards: shards)
    let optimizer = Optimizer(
      SGD(momentum: 0.9, nesterov: nesterov, weightDecay: 1e-4, normalizationWeightDecay: 1e-4),
      of: replica)
    let shape = [30, 3, 32, 32]
    let all = Batch(
      shape: start.architecture.input,
      images: imagesFromNCHW(try file.float32("input", shape: [5, 6, 3, 32, 32]), shape: shape),
      labels: try file.int64("labels", shape: [5, 6]).map { Int32($0) })
    let losses = try (0..<5).map { step in
      let sums = try replica.train(all[6 * step..<6 * step + 6])
      optimizer.step(learningRate: learningRate)
      return sums.loss / 6
    }
    return (replica, losses)
  }
}
