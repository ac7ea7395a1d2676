/// Activations that the backward pass computes again instead of having them stored.

import Kernels
import Networks
import Tensors
import TestSupport
import Testing

/// Networks with few pixels whose blocks' outputs make chains: of identities only, behind projections,
/// behind zero-padded shortcuts, longer than is computed in one go, of bottlenecks.
private let architectures: [Architecture] =
  [
    .cifar(32, .a, input: ImageShape(height: 8, width: 6, channels: 3)),
    .cifar(44, .b, input: ImageShape(height: 8, width: 6, channels: 3)),
    .small(.c), .small(nil),
  ]
  + [("resnet18", Shortcut.a), ("resnet50", .b)].map {
    try! network($0.0, $0.1, classes: 7, size: 32)
  }
  + Graph.all.map(\.architecture)

@Suite struct RecomputationTests {
  @Test("recomputation changes no bit of training", arguments: architectures.indices)
  func sameBits(index: Int) throws {
    let architecture = architectures[index]
    let stored = try TrainingReplica(
      alone: architecture, batch: 5, shards: 3, rematerializesFrom: .max)
    let recomputed = try TrainingReplica(
      alone: architecture, batch: 5, shards: 3, threads: 3, rematerializesFrom: 0)
    try expectSameBits(stored, recomputed)
  }

  @Test("nor in BN groups, on threads, with gradients accumulated over parts", arguments: [3, 5])
  func groupsAndParts(index: Int) throws {
    let architecture = architectures[index]
    let layout = try ShardLayout(batch: 8, shards: 4)
    let division = try NormalizationGroups(layout, imagesPerGroup: 4)
    func replica(rematerializesFrom leastCount: Int, threads: Int) -> TrainingReplica {
      let replica = TrainingReplica(
        architecture.classifier, training: layout, evaluation: layout, threads: threads,
        division: division,
        exchange: SingleRankExchange(), options: .init(rematerializesFrom: leastCount))
      replica.initialize(seed: 1)
      return replica
    }
    for threads in [1, 2, 4] {
      try expectSameBits(
        replica(rematerializesFrom: .max, threads: 1),
        replica(rematerializesFrom: 0, threads: threads),
        parts: 2)
    }
  }

  // Elements of an image in the convolutions, layer by layer from the papers' tables, with 2 or 3
  // convolutions a block and a projection for each stage that changes the channels.
  private static let resNet34: [Int] = [
    112 * 112 * 64, 6 * 200_704, 9 * 100_352, 13 * 50_176, 7 * 25_088,
  ]
  private static let resNet50: [Int] = [
    112 * 112 * 64, 3136 * (3 * 384 + 256), 3136 * 128, 784 * (4 * 640 + 3 * 128 + 512),
    784 * 256, 196 * (6 * 1280 + 5 * 256 + 1024), 196 * 512, 49 * (3 * 2560 + 2 * 512 + 2048),
  ]

  @Test(
    "an image's memory in training is little more than the convolutions' outputs",
    arguments: [("resnet34", resNet34), ("resnet50", resNet50)])
  func arena(name: String, outputsOfLayers: [Int]) throws {
    let outputs = outputsOfLayers.reduce(0, +)
    let architecture = try network(name)
    let sum = architecture.nodes.reduce(0) { sum, node in
      node.operation is ConvolutionOperation ? sum + node.shape.count : sum
    }
    #expect(sum == outputs)
    func bytes(rematerializesFrom leastCount: Int?) throws -> Double {
      let (two, four) = try (
        TrainingReplica(alone: architecture, batch: 2, rematerializesFrom: leastCount),
        TrainingReplica(alone: architecture, batch: 4, rematerializesFrom: leastCount)
      )
      return Double(four.arenaBytes - two.arenaBytes) / 2
    }
    #expect(try bytes(rematerializesFrom: nil) < 1.2 * Double(4 * outputs))
    // The rest is the blocks' outputs and the first convolution's, normalized.
    #expect(try bytes(rematerializesFrom: .max) > 1.5 * Double(4 * outputs))
  }

  @Test(
    "gradients of networks that recompute are the central differences in Float64",
    arguments: [Shortcut.a, .b])
  func gradients(shortcut: Shortcut) throws {
    let architecture = Architecture.cifar(
      14, shortcut, input: ImageShape(height: 6, width: 5, channels: 3))
    let batch = Batch(of: architecture, count: 3, seed: 1)
    let replica = try TrainingReplica(
      alone: architecture, batch: 3, shards: 2, rematerializesFrom: 0)
    let parameters = replica.parameters.map { Double($0) }
    _ = try replica.train(batch)
    var data = TestData(seed: 2)
    let indices = replica.parameterLayout.slots.map { slot in
      data.integer(in: slot.range.lowerBound...slot.range.upperBound - 1)
    }
    let expected = centralDifferences(at: parameters, step: 1e-6, indices: indices) {
      architecture.referenceLoss(parameters: $0, batch: batch)
    }
    let scale = expected.map { abs($0) }.max()!
    #expect(
      relativeError(indices.map { replica.gradients[$0] }, expected, scale: scale) < 1e-4,
      "\(data)")
  }
}
