/// Frozen layers: no gradient, no update, no memory for either, and running statistics that stay.

import Networks
import Optimizers
import TestSupport
import Testing

extension Architecture {
  /// The network with all layers frozen whose names begin with one of `prefixes`.
  fileprivate func freezing(_ prefixes: String...) -> Architecture {
    var network = self
    network.frozen = Set(
      nodes.map(\.name).filter { name in prefixes.contains { name.hasPrefix($0) } })
    return network
  }
}

@Suite struct FrozenLayerTests {
  private func train(_ replica: TrainingReplica, steps: Int = 3) throws {
    let optimizer = Optimizer(
      SGD(momentum: 0.9, weightDecay: 1e-2, normalizationWeightDecay: 1e-2), of: replica)
    for step in 0..<steps {
      _ = try replica.train(Batch(of: replica.architecture, count: 6, seed: UInt64(step)))
      optimizer.step(learningRate: 0.1)
    }
  }

  @Test(
    "with all but fc frozen, fc learns and every other value stays", arguments: [Shortcut.a, .b])
  func allButClassifier(shortcut: Shortcut) throws {
    let network = Architecture.small(shortcut).freezing("conv1", "bn1", "layer")
    let replica = try TrainingReplica(alone: network, batch: 6, shards: 3)
    let layout = replica.parameterLayout
    #expect(layout.trainedCount == 64 * 10 + 10)
    #expect(GradientExtent(layout).parameters == layout.trainedCount)
    let before = replica.stateDictionary()
    try train(replica)
    for (tensor, other) in zip(replica.stateDictionary(), before) {
      #expect((tensor == other) == !tensor.name.hasPrefix("fc."), "\(tensor.name)")
    }
  }

  @Test("a classifier alone takes the step of its network with the rest frozen, bit for bit")
  func classifierAlone() throws {
    let network = Architecture.small(.b).classifier.freezing("conv1", "bn1", "layer").withFeatures
    #expect(network.trainsClassifierAlone && !Architecture.small(.b).trainsClassifierAlone)
    let layout = try ShardLayout(batch: 7, shards: 3)
    let whole = try TrainingReplica(alone: network, batch: 7, shards: 3)
    let classifier = TrainingReplica(
      network.classifierAlone, training: layout, evaluation: layout,
      exchange: SingleRankExchange(), sharing: whole)
    let batch = Batch(of: network, count: 7, seed: 2)
    // Fewer images than a mini-batch, as at the end of a data set.
    let features =
      Array(try whole.forwardPass(images: batch[0..<5].images, batch: 5))
      + Array(try whole.forwardPass(images: batch[5..<7].images, batch: 2))
    let expected = try whole.train(batch)
    let gradients = bits(whole.gradients)
    let found = try classifier.train(
      Batch(shape: network.features, images: features, labels: batch.labels))
    #expect(found == expected && bits(classifier.gradients) == gradients)
    #expect(features.count == 7 * network.features.count)
  }

  @Test("a replica for tests reads a frozen network's parameters where they are")
  func sharedParameters() throws {
    let network = Architecture.small(.b).classifier.freezing("bn1", "layer2")
    let replica = try TrainingReplica(alone: network, batch: 6, shards: 3)
    try train(replica)
    let tested = Replica(
      network, evaluation: replica.evaluationLayout, exchange: SingleRankExchange(),
      sharing: replica)
    let batch = Batch(of: network, count: 6, seed: 3)
    let scores = Array(try replica.scoringPass(images: batch.images, batch: 6))
    #expect(Array(try tested.scoringPass(images: batch.images, batch: 6)) == scores)
  }

  @Test("a frozen network computes no gradient of activations, in little memory")
  func memory() throws {
    let network = Architecture.cifar(20)
    let all = try TrainingReplica(alone: network, batch: 16, shards: 2)
    let frozen = try TrainingReplica(
      alone: network.freezing("conv1", "bn1", "layer"), batch: 16, shards: 2)
    #expect(3 * frozen.arenaBytes < all.arenaBytes)
  }

  @Test(
    "gradients before and after frozen layers are the central differences in Float64",
    arguments: [true, false])
  func gradients(fuse: Bool) throws {
    let network = Architecture.small(.b).freezing("layer2", "bn1", "layer1.0.bn2")
    let replica = try TrainingReplica(alone: network, batch: 5, shards: 3, fuse: fuse)
    var data = TestData(seed: 4)
    for index in replica.runningStatistics.indices {
      replica.runningStatistics[index] += Float(data.uniform(count: 1, from: 0, to: 0.4)[0])
    }
    let batch = Batch(of: network, count: 5, seed: 1)
    let statistics = replica.runningStatistics.map { Double($0) }
    let parameters = replica.parameters.map { Double($0) }
    let loss = try replica.train(batch).loss / 5
    func reference(_ parameters: [Double]) -> Double {
      network.classifier.referenceLoss(
        parameters: parameters, batch: batch, runningStatistics: statistics)
    }
    let expectedLoss = reference(parameters)
    #expect(abs(loss - expectedLoss) < 1e-5 * expectedLoss)
    let indices = replica.parameterLayout.slots.filter { !$0.isFrozen }.flatMap { slot in
      (0..<3).map { _ in data.integer(in: slot.range.lowerBound...slot.range.upperBound - 1) }
    }
    let expected = centralDifferences(at: parameters, step: 1e-6, indices: indices, of: reference)
    let scale = expected.map { abs($0) }.max()!
    let error = relativeError(indices.map { replica.gradients[$0] }, expected, scale: scale)
    #expect(error < 1e-5, "\(data)")
  }

  @Test("a parameter begins with the same value, frozen or not")
  func initialization() throws {
    let network = Architecture.small(.b)
    let one = try TrainingReplica(alone: network, batch: 2, seed: 8).stateDictionary()
    let other = try TrainingReplica(alone: network.freezing("layer1", "bn1"), batch: 2, seed: 8)
    #expect(other.stateDictionary() == one)
  }
}
