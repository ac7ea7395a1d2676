/// Checks that a network trained on these ranks is, bit for bit, the one trained on one rank.

import AllocationCounter
import Benchmarks
import Datasets
import Distributed
import Evaluation
import Kernels
import MPI
import Networks
import Optimizers
import Runs
import Settings
import Tensors

/// What a few steps leave behind.
private struct Trained: Equatable {
  var parameters: [Float] = []
  var statistics: [Float] = []
  var losses: [Double] = []
  var evaluation = EpochTotals()
}

/// Three steps and an evaluation on images that are the same everywhere.
private func train(
  _ model: String, _ precision: Precision, _ division: NormalizationGroups, threads: Int,
  microBatches: Int = 1,
  bucketBytes: Int, on group: ProcessGroup
) throws -> Trained {
  let side = ModelCatalog.isForImageNet(model) ? 32 : 16
  let shape = ImageShape(height: side, width: side, channels: 3)
  var network = ClassificationHead().attached(
    to: try ModelCatalog.architecture(named: model, classes: 5, input: shape))
  network.precision = precision
  let source = SyntheticImages(count: 70, classCount: 5, shape: shape, seed: 4, split: .train)
  let normalization = Normalization(
    mean: .perChannel([0.5, 0.5, 0.5]), deviation: [0.25, 0.25, 0.25])
  let layout = division.layout
  var options = TrainingEngine.Options(
    optimizer: SGD(momentum: 0.9, weightDecay: 1e-4, normalizationWeightDecay: 1e-4))
  options.threads = threads
  options.microBatches = microBatches
  options.bucketBytes = bucketBytes
  let engine = try TrainingEngine(network, division, options: options, group: group)
  engine.replica.initialize(seed: 11)
  let loader = BatchLoader(
    source: source, normalization: normalization,
    transform: ImageTransform(padding: 2, flip: true), order: .shuffled(seed: 5),
    batchSize: layout.capacity, localRange: layout.localPositions, steps: 0..<3 * microBatches,
    workers: 2)
  var trained = Trained()
  for step in 1...3 {
    let sums = try engine.step(step, learningRate: 0.1, from: loader)
    trained.losses.append(sums.loss)
  }
  let evaluator = Evaluator(
    engine.replica, source: source, normalization: normalization, workers: 1,
    exchange: engine.statistics)
  trained.evaluation = try evaluator.evaluate()
  trained.parameters = Array(engine.replica.parameters)
  trained.statistics = Array(engine.replica.runningStatistics)
  return trained
}

/// Trains on these ranks and on one, and compares.
///
/// - Parameters:
///   - microBatches: that the ranks make of `batch` images; the one rank takes them at once.
///   - hosts: whether each rank is taken to be on a host of its own.
private func compare(
  _ communicator: Communicator, model: String = "resnet8", precision: Precision = .fp32,
  batch: Int, shards: Int, group: Int? = nil, threads: Int = 1, microBatches: Int = 1,
  hosts: Bool = false, speeds: (_ ranks: Int) -> [Double]? = { _ in nil }
) throws {
  let size = communicator.size
  guard shards / microBatches >= size else { return }
  let layout = try ShardLayout(
    batch: batch / microBatches, shards: shards / microBatches, ranks: size,
    rank: communicator.rank, speeds: speeds(size))
  let here = try train(
    model, precision, try NormalizationGroups(layout, imagesPerGroup: group), threads: threads,
    microBatches: microBatches, bucketBytes: 40_000,
    on: ProcessGroup(
      world: communicator,
      hosts: RankGroups(sizes: hosts ? Array(repeating: 1, count: size) : [size])))
  let whole = try ShardLayout(batch: batch, shards: shards)
  let alone = try train(
    model, precision, try NormalizationGroups(whole, imagesPerGroup: group), threads: 1,
    bucketBytes: 4 << 20, on: ProcessGroup(world: .selfOnly))
  let what =
    "\(model) in \(precision), batch \(batch), \(shards) shards, \(threads) threads, \(microBatches) micro-batches"
  expect(here.parameters == alone.parameters, "\(what): parameters differ")
  expect(here.statistics == alone.statistics, "\(what): running statistics differ")
  expectEqual(here.evaluation, alone.evaluation, "\(what): evaluation")
  expect(alone.parameters.allSatisfy(\.isFinite), "\(what): parameters are not finite")
  expectEqual(here.losses, alone.losses, "\(what): losses")
}

let replicaChecks: [Check] = [
  Check("a network that is no classifier trains one rank's bits from the loader's targets") {
    try compareRegression($0)
  },
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
  Check("training gives one rank's bits when faster ranks hold more shards") {
    let speeds = { (ranks: Int) in (0..<ranks).map { Double($0 % 3 + 1) } }
    try compare($0, batch: 23, shards: 16, speeds: speeds)
    try compare($0, batch: 32, shards: 16, group: 8, hosts: true, speeds: speeds)
    try compare($0, batch: 27, shards: 11, threads: 2, hosts: true) { ranks in
      (0..<ranks).map { $0 == 0 ? 5 : 1 }
    }
  },
  Check("training in bf16 gives one rank's bits, in either order of sums") {
    try compare($0, precision: .bf16, batch: 27, shards: 8, threads: 2)
    try compare($0, precision: .bf16, batch: 16, shards: 8, group: 4, hosts: true)
    try compare($0, model: "resnext29_2x16d", precision: .bf16, batch: 8, shards: 8)
    try compare($0, precision: .bf16AMX, batch: 16, shards: 8, threads: 2)
    try compare($0, precision: .bf16AMX, batch: 8, shards: 8, group: 2, hosts: true)
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
  Check("micro-batches give the bits of the undivided mini-batch with the same BN groups") {
    try compare($0, batch: 32, shards: 16, group: 16, microBatches: 2)
    try compare($0, batch: 64, shards: 32, group: 16, microBatches: 4, hosts: true)
  },
  Check("a benchmark takes the training step: equal steps, timed or not, give equal parameters") {
    communicator in
    let ranks = try ProcessGroup(world: communicator)
    var configuration = TrainingConfiguration()
    configuration.network.model = "resnet8"
    configuration.parallel.batchSize = 32
    configuration.parallel.accumulate = 2
    configuration.parallel.shards = 16
    let run = try BenchmarkRun(
      configuration,
      options: .init(
        imageSize: nil, classes: nil, steps: 2, seconds: 1, warmUp: 1, layers: true),
      ranks: ranks)
    _ = try run.measure()
    let network = run.engine.replica.architecture
    let layout = run.engine.replica.trainingLayout
    var options = TrainingEngine.Options(TrainingConfiguration(), threads: 1)
    options.microBatches = 2
    let engine = try TrainingEngine(
      network, run.engine.replica.division, options: options, group: ranks)
    engine.replica.initialize(seed: 1)
    let initial = Array(engine.replica.parameters)
    let images = MadeUpImages(network, layout, seed: 1)
    for step in 1...3 {
      _ = try engine.step(step, learningRate: BenchmarkRun.learningRate, from: images)
    }
    expect(
      run.engine.replica.parameters.elementsEqual(engine.replica.parameters),
      "parameters differ")
    expect(!engine.replica.parameters.elementsEqual(initial), "nothing was trained")
  },
  Check("a rank's steps after the first allocate nothing, with and without micro-batches") { _ in
    let alone = try ProcessGroup(world: .selfOnly)
    let network = ClassificationHead().attached(
      to: try ModelCatalog.architecture(
        named: "resnet8", classes: 5, input: ImageShape(height: 16, width: 16, channels: 3)))
    let layout = try ShardLayout(batch: 16, shards: 8)
    let images = MadeUpImages(network, layout, seed: 1)
    for microBatches in [1, 2] {
      var options = TrainingEngine.Options(TrainingConfiguration(), threads: 1)
      options.microBatches = microBatches
      options.onNotFinite = microBatches == 1 ? .stop : .skip
      let engine = try TrainingEngine(
        network, NormalizationGroups(whole: layout), options: options, group: alone)
      engine.replica.initialize(seed: 1)
      func step(_ number: Int) throws {
        _ = try engine.step(number, learningRate: 0.01, requests: .save, from: images)
      }
      for number in 1...2 { try step(number) }
      let before = allocation_count()
      for number in 3...5 { try step(number) }
      expectEqual(allocation_count() - before, 0, "allocations, \(microBatches) micro-batches")
    }
  },
]
