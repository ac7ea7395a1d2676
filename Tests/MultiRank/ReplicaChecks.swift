/// Checks that a network trained on these ranks is, bit for bit, the one trained on one rank.

import Datasets
import Kernels
import MPI
import Networks
import Tensors
import Training

/// What a few steps leave behind.
private struct Trained: Equatable {
  var parameters: [Float] = []
  var statistics: [Float] = []
  var losses: [Double] = []
  var evaluation = EpochTotals()
}

/// Three steps and an evaluation on images that are the same everywhere.
private func train(
  _ model: String, _ division: StatisticsDivision, threads: Int,
  exchange: (Architecture) throws -> any StatisticsExchange,
  reduction: (GradientExtent) throws -> any GradientReduction
) throws -> Trained {
  let side = ModelCatalog.isForImageNet(model) ? 32 : 16
  let shape = ImageShape(height: side, width: side, channels: 3)
  let network = try ModelCatalog.architecture(named: model, classes: 5, input: shape)
  let source = SyntheticImages(count: 70, classCount: 5, shape: shape, seed: 4, split: .train)
  let normalization = Normalization(
    mean: .perChannel([0.5, 0.5, 0.5]), deviation: [0.25, 0.25, 0.25])
  let layout = division.layout
  let exchange = try exchange(network)
  let reduction = try reduction(GradientExtent(ParameterLayout(network)))
  let replica = Replica(
    network, training: layout, evaluation: layout, threads: threads, division: division,
    exchange: exchange, gradients: reduction.memory)
  replica.observers = [reduction]
  replica.initialize(seed: 11)
  let loader = BatchLoader(
    source: source, normalization: normalization,
    transform: ImageTransform(padding: 2, flip: true), order: .shuffled(seed: 5),
    batchSize: layout.capacity, localRange: layout.localPositions, steps: 0..<3, workers: 2)
  var trained = Trained()
  while true {
    try reduction.begin()
    let sums = try loader.withNext { batch in
      Array(try replica.trainingPass(images: batch.pixels, labels: batch.labels))
    }
    guard let sums else { break }
    trained.losses.append(sums.reduce(0) { $0 + $1.loss })
    try reduction.finish()
    replica.applyGradients(
      learningRate: 0.1, momentum: 0.9, weightDecay: 1e-4, normalizationWeightDecay: 1e-4)
    reduction.release()
  }
  let evaluator = Evaluator(
    replica, source: source, normalization: normalization, workers: 1, exchange: exchange)
  trained.evaluation = try evaluator.evaluate()
  trained.parameters = Array(replica.parameters)
  trained.statistics = Array(replica.runningStatistics)
  return trained
}

/// Trains on these ranks and on one, and compares.
///
/// - Parameter hosts: whether each rank is told to be on a host of its own.
private func compare(
  _ communicator: Communicator, model: String = "resnet8", batch: Int, shards: Int,
  group: Int? = nil, threads: Int = 1, hosts: Bool = false
) throws {
  let size = communicator.size
  guard shards >= size else { return }
  let layout = try ShardLayout(batch: batch, shards: shards, ranks: size, rank: communicator.rank)
  let division = try StatisticsDivision(layout, imagesPerGroup: group)
  let groups = RankGroups(sizes: hosts ? Array(repeating: 1, count: size) : [size])
  let neighbours = hosts ? nil : try communicator.duplicate()
  let here = try train(model, division, threads: threads) { network in
    try ClusteredStatisticsExchange(
      communicator.duplicate(), group: neighbours, hosts: groups, division: division,
      widths: .init(
        layers: 2 * network.nodes.map(\.shape.channels).max()!,
        whole: ParameterLayout(network).normalizationTotals), yields: true)
  } reduction: { extent in
    try TreeReduction(
      communicator.duplicate(), group: neighbours, groups: groups, layout: layout, extent: extent,
      bucketSize: 10_000, yields: true)
  }
  let whole = try ShardLayout(batch: batch, shards: shards)
  let alone = try train(
    model, try StatisticsDivision(whole, imagesPerGroup: group), threads: 1
  ) { _ in
    SoleRankExchange()
  } reduction: { extent in
    try TreeReduction(
      .selfOnly, group: nil, groups: RankGroups(sizes: [1]), layout: whole, extent: extent,
      bucketSize: 1 << 20, yields: true)
  }
  let what = "\(model), batch \(batch), \(shards) shards, \(threads) threads"
  expect(here.parameters == alone.parameters, "\(what): parameters differ")
  expect(here.statistics == alone.statistics, "\(what): running statistics differ")
  expectEqual(here.evaluation, alone.evaluation, "\(what): evaluation")
  expect(alone.parameters.allSatisfy(\.isFinite), "\(what): parameters are not finite")
  let sum = try communicator.allReduce(here.losses[0], .sum)
  expect(
    abs(sum - alone.losses[0]) < 1e-9 * abs(sum), "\(what): the ranks' losses do not add up")
}

let replicaChecks: [Check] = [
  Check("training and evaluation give one rank's bits") {
    try compare($0, batch: 16, shards: 8)
  },
  Check("training gives one rank's bits when shards have different sizes") {
    try compare($0, batch: 27, shards: 8)
    try compare($0, batch: 20, shards: 8)
  },
  Check("training gives one rank's bits when ranks hold different numbers of shards") {
    try compare($0, batch: 23, shards: 11)
    try compare($0, batch: 18, shards: 9)
  },
  Check("training gives one rank's bits with filters that are streamed past the images") {
    try compare($0, model: "resnet18", batch: 16, shards: 8)
  },
  Check("training gives one rank's bits on hosts that share no memory") {
    try compare($0, batch: 16, shards: 8, hosts: true)
    try compare($0, batch: 23, shards: 11, hosts: true)
  },
  Check("training gives one rank's bits with BN groups") {
    try compare($0, batch: 16, shards: 8, group: 4)
    try compare($0, batch: 24, shards: 12, group: 8, hosts: true)
  },
  Check("training gives one rank's bits with threads in the ranks") {
    try compare($0, batch: 27, shards: 8, threads: 2)
  },
]
