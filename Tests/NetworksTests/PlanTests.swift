/// What the plan decides, fusion and memory, is not seen in results.

import Kernels
import Networks
import Optimizers
import Tensors
import TestSupport
import Testing

/// Architectures whose plans differ in kind.
private let architectures: [Architecture] =
  [.small(.a), .small(.b), .small(.c), .small(nil)]
  + [8, 13, 15].map { Graph.all[$0].architecture }

@Suite struct PlanTests {
  @Test("fusion changes no bit of loss, gradients and statistics", arguments: architectures.indices)
  func fusion(index: Int) throws {
    let architecture = architectures[index]
    let fused = try TrainingReplica(alone: architecture, batch: 7, shards: 3)
    let plain = try TrainingReplica(alone: architecture, batch: 7, shards: 3, fuse: false)
    try expectSameBits(fused, plain)
  }

  @Test("outputs of 24 MiB, which pass the caches by, change no bit either", arguments: [1, 2])
  func streamedOutputs(threads: Int) throws {
    var builder = ArchitectureBuilder(input: ImageShape(height: 448, width: 448, channels: 3))
    var value = builder.input
    for name in ["a", "b", "c"] {
      value = builder.convolution(name, value, channels: 16, kernel: 3)
      value = builder.relu(builder.batchNormalization("\(name).bn", value))
    }
    value = builder.globalAveragePooling("pool", value)
    _ = builder.fullyConnected("fc", value, outputs: 3)
    let architecture = builder.architecture(name: "large", summary: "large images")
    let fused = try TrainingReplica(alone: architecture, batch: 2, shards: 2, threads: threads)
    let plain = try TrainingReplica(alone: architecture, batch: 2, shards: 2, fuse: false)
    try expectSameBits(fused, plain)
  }

  @Test("a pass sees nothing of what earlier passes left", arguments: architectures.indices)
  func poisonedArena(index: Int) throws {
    let architecture = architectures[index]
    let batch = Batch(of: architecture, count: 7, seed: 2)
    let fresh = try TrainingReplica(alone: architecture, batch: 7, shards: 3)
    let used = try TrainingReplica(alone: architecture, batch: 7, shards: 3)
    var garbage = Batch(of: architecture, count: 7, seed: 3)
    let statistics = Array(used.runningStatistics)
    for poison: Float in [1e30, .nan] {
      garbage.images = garbage.images.map { _ in poison }
      _ = try used.train(garbage)
      _ = try used.evaluate(garbage)
    }
    _ = used.runningStatistics.update(fromContentsOf: statistics)
    #expect(try used.train(batch) == fresh.train(batch))
    let sameGradients = bits(used.gradients) == bits(fresh.gradients)
    #expect(sameGradients)
    let sameLogits = bits(used.trainingLogits) == bits(fresh.trainingLogits)
    #expect(sameLogits)
    let sameStatistics = bits(used.runningStatistics) == bits(fresh.runningStatistics)
    #expect(sameStatistics)
    #expect(try used.evaluate(batch) == fresh.evaluate(batch))
  }

  @Test("a training pass repeated gives the same bits", arguments: architectures.indices)
  func repeated(index: Int) throws {
    let architecture = architectures[index]
    let batch = Batch(of: architecture, count: 7, seed: 4)
    let replica = try TrainingReplica(alone: architecture, batch: 7, shards: 3)
    let sums = try replica.train(batch)
    let gradients = bits(replica.gradients)
    #expect(try replica.train(batch) == sums)
    let same = bits(replica.gradients) == gradients
    #expect(same)
  }

  /// A replica that has learned a little, so that running statistics are not 0 and 1.
  private func trained(_ architecture: Architecture, batch: Int, shards: Int) throws
    -> TrainingReplica
  {
    let replica = try TrainingReplica(alone: architecture, batch: batch, shards: shards)
    let optimizer = Optimizer(
      SGD(momentum: 0.9, weightDecay: 0, normalizationWeightDecay: 0), of: replica)
    for step in 0..<2 {
      _ = try replica.train(Batch(of: architecture, count: batch, seed: UInt64(step)))
      optimizer.step(learningRate: 0.05)
    }
    return replica
  }

  @Test("a batch that ends early gets the full batch's logits", arguments: architectures.indices)
  func shortBatches(index: Int) throws {
    let architecture = architectures[index]
    let replica = try trained(architecture, batch: 9, shards: 4)
    let batch = Batch(of: architecture, count: 9, seed: 5)
    let all = try replica.evaluate(batch).logits
    for count in 0...9 {
      let (sums, logits) = try replica.evaluate(batch[0..<count])
      #expect(sums.images == count)
      #expect(logits.count == count * architecture.classes)
      #expect(normwiseError(logits, Array(all.prefix(logits.count))) < 1e-5, "\(count) images")
    }
  }

  @Test(
    "an image's logits in evaluation do not depend on the others", arguments: architectures.indices)
  func imageIndependence(index: Int) throws {
    let architecture = architectures[index]
    let replica = try trained(architecture, batch: 9, shards: 4)
    let batch = Batch(of: architecture, count: 9, seed: 6)
    var other = Batch(of: architecture, count: 9, seed: 7)
    let all = try replica.evaluate(batch).logits
    for image in [0, 4, 8] {
      let size = architecture.input.count
      other.images.replaceSubrange(
        image * size..<(image + 1) * size, with: batch.images[image * size..<(image + 1) * size])
      let logits = try replica.evaluate(other).logits
      let own = image * architecture.classes..<(image + 1) * architecture.classes
      #expect(bits(logits[own]) == bits(all[own]), "image \(image)")
    }
  }

  @Test("evaluation changes neither parameters nor running statistics")
  func evaluationIsPure() throws {
    let replica = try trained(.small(), batch: 9, shards: 4)
    let before = (bits(replica.parameters), bits(replica.runningStatistics))
    _ = try replica.evaluate(Batch(of: .small(), count: 9, seed: 8))
    let same = (bits(replica.parameters), bits(replica.runningStatistics)) == before
    #expect(same)
  }

  @Test("evaluation and training may have batches of different sizes")
  func differentBatches() throws {
    let architecture = Architecture.small()
    let training = try ShardLayout(batch: 5, shards: 4)
    for size in [4, 23] {
      let replica = TrainingReplica(
        architecture.classifier, training: training,
        evaluation: try ShardLayout(batch: size, shards: 4),
        exchange: SingleRankExchange())
      replica.initialize(seed: 1)
      let alone = try TrainingReplica(alone: architecture, batch: 5, shards: 4)
      let batch = Batch(of: architecture, count: 5, seed: 9)
      _ = try replica.evaluate(Batch(of: architecture, count: size, seed: 10))
      #expect(try replica.train(batch) == alone.train(batch))
      let same = bits(replica.gradients) == bits(alone.gradients)
      #expect(same)
    }
  }

  @Test("a replica for evaluation only has the same logits in less memory")
  func evaluationOnly() throws {
    let architecture = Architecture.cifar(20)
    let layout = try ShardLayout(batch: 4, shards: 2)
    let batch = Batch(of: architecture, count: 4, seed: 11)
    let both = try TrainingReplica(alone: architecture, batch: 4, shards: 2)
    let only = Replica(
      architecture.classifier, evaluation: layout, exchange: SingleRankExchange())
    only.initialize(seed: 1)
    #expect(try only.evaluate(batch) == both.evaluate(batch))
    // Four maps of the first stage are alive at once: a normalization's input, addend and output, and
    // the output of the convolution behind, which computes the normalization's on the way. A block's
    // scratch in that convolution's tiles is no more than two maps.
    #expect(only.arenaBytes <= (4 + 2) * 4 * 4 * 32 * 32 * 16)
    #expect(both.arenaBytes > 4 * only.arenaBytes)
  }

  @Test("the paper's deepest network is planned and trains a step")
  func deepest() throws {
    let architecture = Architecture.cifar(
      1202, input: ImageShape(height: 8, width: 8, channels: 3))
    let replica = try TrainingReplica(alone: architecture, batch: 2, shards: 2)
    let sums = try replica.train(Batch(of: architecture, count: 2, seed: 12))
    #expect(sums.loss.isFinite)
    #expect(replica.gradients.allSatisfy { $0.isFinite })
  }

  @Test("a gradient that is not finite is found by its parameter's name")
  func nonFiniteGradients() throws {
    let replica = try TrainingReplica(alone: .small(.b), batch: 4, shards: 2)
    _ = try replica.train(Batch(of: .small(.b), count: 4, seed: 1))
    #expect(replica.firstParameterWithoutFiniteGradient == nil)
    for slot in replica.parameterLayout.slots {
      let value = replica.gradients[slot.range.upperBound - 1]
      replica.gradients[slot.range.upperBound - 1] = slot.range.count % 2 == 0 ? .nan : -.infinity
      #expect(replica.firstParameterWithoutFiniteGradient == slot.name)
      replica.gradients[slot.range.upperBound - 1] = value
    }
  }
}
