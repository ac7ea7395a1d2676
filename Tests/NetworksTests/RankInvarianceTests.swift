/// The number of ranks and threads changes no bit of a run.

import Kernels
import Networks
import Optimizers
import Tensors
import TestSupport
import Testing

/// What a run leaves.
private struct Trace: Equatable, Sendable {
  var parameters: [Float] = []
  var velocities: [Float] = []
  var runningStatistics: [Float] = []
  /// The mean loss before each step, summed over shards in the tree's order.
  var losses: [Double] = []
  var evaluation = ClassificationSums()
  /// Statistics exchanges of this rank.
  var exchanges = 0
}

struct Division: CustomTestStringConvertible, Sendable {
  let batch: Int
  let shards: Int
  let shortcut: Shortcut?
  /// Images of a BN group; nil: all.
  var group: Int? = nil
  var precision = Precision.fp32
  var testDescription: String {
    "\(batch) images, \(shards) shards, shortcut \(shortcut?.rawValue ?? "none"), "
      + "BN groups of \(group ?? batch), \(precision)"
  }
}

@Suite struct RankInvarianceTests {
  /// Some steps of SGD on `ranks` ranks, then an evaluation with a batch that ends early.
  private func run(
    _ division: Division, ranks: Int, threads: Int = 1, steps: Int = 3
  ) throws -> [Trace] {
    let architecture = Architecture.small(division.shortcut).with(division.precision)
    let world = try InMemoryRanks(batch: division.batch, shards: division.shards, ranks: ranks)
    return try world.run { layout, exchange in
      let replica = TrainingReplica(
        architecture.classifier, training: layout, evaluation: layout, threads: threads,
        division: try NormalizationGroups(layout, imagesPerGroup: division.group),
        exchange: exchange)
      replica.initialize(seed: 7)
      let optimizer = Optimizer(
        SGD(momentum: 0.9, weightDecay: 1e-4, normalizationWeightDecay: 0), of: replica)
      var trace = Trace()
      for step in 0..<steps {
        let batch = Batch(of: architecture, count: division.batch, seed: UInt64(step))
        let local = batch[layout.localPositions]
        let loss = try local.withTargets {
          try total(
            replica.trainingPass(images: local.images, targets: $0), layout, exchange
          ).loss
        }
        trace.losses.append(loss / Double(division.batch))
        try world.combineGradients(of: replica)
        optimizer.step(learningRate: 0.1)
      }
      let batch = Batch(of: architecture, count: division.batch - 3, seed: 99)
      let local = batch[layout.shortened(to: batch.count).localPositions]
      trace.evaluation = try local.withTargets {
        try total(
          replica.evaluationPass(images: local.images, targets: $0, batch: batch.count), layout,
          exchange)
      }
      trace.parameters = Array(replica.parameters)
      trace.velocities = Array(optimizer.state.elements)
      trace.runningStatistics = Array(replica.runningStatistics)
      trace.exchanges = exchange.calls
      return trace
    }
  }

  /// All shards' sums, added up in the tree's order.
  private func total(
    _ local: UnsafeBufferPointer<Double>, _ layout: ShardLayout,
    _ exchange: InMemoryExchange
  ) throws -> ClassificationSums {
    let flat = AlignedBuffer<Double>(count: local.count)
    let all = AlignedBuffer<Double>(count: 4)
    flat.view.update(from: VectorView(local))
    all.view.update(repeating: .nan)
    let rule = StatisticsRule(.sums, width: 4, division: NormalizationGroups(whole: layout))
    rule.mergeLocalShards(flat.view)
    try exchange.combine(VectorView(flat.view), into: all.view, by: rule)
    return ClassificationHead.metrics(LossSums(VectorView(all.view)))
  }

  @Test(
    "any number of ranks gives the bits of one rank",
    arguments: [
      Division(batch: 16, shards: 8, shortcut: .a), Division(batch: 27, shards: 8, shortcut: .a),
      Division(batch: 16, shards: 8, shortcut: .b), Division(batch: 13, shards: 6, shortcut: .c),
      Division(batch: 7, shards: 7, shortcut: nil),
      Division(batch: 16, shards: 8, shortcut: .a, group: 8),
      Division(batch: 16, shards: 8, shortcut: .b, group: 2),
      Division(batch: 18, shards: 6, shortcut: .a, group: 9),
      Division(batch: 20, shards: 12, shortcut: .a, group: 5),
      Division(batch: 27, shards: 8, shortcut: .a, precision: .bf16),
      Division(batch: 16, shards: 8, shortcut: .b, group: 2, precision: .bf16),
      Division(batch: 13, shards: 4, shortcut: .b, precision: .bf16AMX),
      Division(batch: 8, shards: 4, shortcut: .a, group: 2, precision: .bf16AMX),
    ])
  func ranks(_ division: Division) throws {
    let one = try run(division, ranks: 1)[0]
    #expect(one.losses.allSatisfy { $0.isFinite } && one.losses[2] != one.losses[0])
    #expect(one.evaluation.images == division.batch - 3)
    for ranks in 2...division.shards {
      for (rank, trace) in try run(division, ranks: ranks).enumerated() {
        // Compare booleans: a failure must not print every parameter.
        let equal = trace == one
        #expect(equal, "rank \(rank) of \(ranks) differs")
      }
    }
  }

  @Test("threads change no bit", arguments: [(1, 2), (1, 8), (2, 3), (3, 2)], Precision.allCases)
  func threads(_ workers: (ranks: Int, threads: Int), precision: Precision) throws {
    let (ranks, threads) = workers
    let division = Division(batch: 27, shards: 8, shortcut: .a, precision: precision)
    let one = try run(division, ranks: 1)[0]
    for (rank, trace) in try run(division, ranks: ranks, threads: threads).enumerated() {
      let equal = trace == one
      #expect(equal, "rank \(rank) of \(ranks) with \(threads) threads differs")
    }
  }

  @Test("any number of shards gives one shard's run but for rounding", arguments: [2, 3, 8])
  func shards(_ shards: Int) throws {
    // One step: in later ones a rounding flips a ReLU now and then, which is no longer rounding.
    let one = try run(Division(batch: 16, shards: 1, shortcut: .a), ranks: 1, steps: 1)[0]
    let many = try run(Division(batch: 16, shards: shards, shortcut: .a), ranks: 1, steps: 1)[0]
    #expect(normwiseError(many.parameters, one.parameters) < 1e-5)
    #expect(normwiseError(many.runningStatistics, one.runningStatistics) < 1e-5)
    #expect(relativeError(many.losses, one.losses) < 1e-5)
    #expect(many.evaluation.images == one.evaluation.images)
  }

  @Test("a rank's error ends the run on all ranks")
  func failure() throws {
    struct Broken: Error {}
    let world = try InMemoryRanks(batch: 8, shards: 4, ranks: 4)
    #expect(throws: (any Error).self) {
      try world.run { layout, exchange in
        if layout.rank == 2 { throw Broken() }
        let replica = TrainingReplica(
          Architecture.small().classifier, training: layout, evaluation: layout, exchange: exchange)
        _ = try replica.train(Batch(of: .small(), count: 8, seed: 1))
      }
    }
  }
}
