/// `resnet-dist bench --predict`: measures one host, and predicts many.

import Distributed
import Kernels
import MPI
import Networks
import Settings
import Tensors

/// Why a prediction cannot be made as asked.
package struct ScalingError: UsageError, Equatable, CustomStringConvertible {
  package let description: String
}

/// Measures the step of this host's ranks, and predicts how long it takes on many such hosts.
package final class ScalingStudy {
  /// What to predict.
  package struct Scenario {
    /// Ranks of the runs to predict, as many a host as there are here.
    package var ranks: [Int]
    /// Global mini-batches of each; empty keeps the images a rank.
    package var batchSizes: [Int]
    /// Seconds.
    package var latency: Double
    /// Bytes a second of a host's link.
    package var bandwidth: Double

    package init(ranks: [Int], batchSizes: [Int], latency: Double, bandwidth: Double) {
      self.ranks = ranks
      self.batchSizes = batchSizes
      self.latency = latency
      self.bandwidth = bandwidth
    }
  }

  private let options: BenchmarkRun.Options
  private let scenario: Scenario
  private let ranks: ProcessGroup
  private let configuration: TrainingConfiguration
  /// What is measured: as in a large run, a shard a thread, and BN groups that no measurement depends on.
  private let measured: TrainingConfiguration
  private let threads: Int
  private let ranksPerHost: Int

  /// - Parameters:
  ///   - configuration: its mini-batch is that of the present ranks, and a rank's share of it is its
  ///     share of a micro-batch in larger runs.
  ///   - options: with a latency of zero each rank is a host of its own.
  /// - Throws: `CollectiveFailure`.
  package init(
    _ configuration: TrainingConfiguration, options: BenchmarkRun.Options, scenario: Scenario,
    ranks: ProcessGroup
  ) throws {
    let isApart = options.emulatedLatency != nil || options.emulatedBandwidth != nil
    let ranksPerHost = isApart ? 1 : ranks.count
    try ranks.together {
      try Self.check(configuration, options, scenario, ranks, ranksPerHost: ranksPerHost)
    }
    let threads = try configuration.threads(on: ranks)
    var measured = configuration
    measured.parallel.normalizationGroup = nil
    measured.parallel.shards = configuration.parallel.shards ?? ranks.count * threads
    self.measured = measured
    self.options = options
    self.scenario = scenario
    self.ranks = ranks
    self.configuration = configuration
    self.threads = threads
    self.ranksPerHost = ranksPerHost
  }

  private static func check(
    _ configuration: TrainingConfiguration, _ options: BenchmarkRun.Options, _ scenario: Scenario,
    _ ranks: ProcessGroup, ranksPerHost: Int
  ) throws(ScalingError) {
    if ranks.hosts.groups.count > 1 {
      throw ScalingError(
        description: "--predict measures one host: start all ranks on one machine, side by side")
    }
    if (options.emulatedLatency ?? 0) > 0 || options.emulatedBandwidth != nil {
      throw ScalingError(
        description: "--predict measures ranks without a network: of the injected ones only "
          + "--inject-latency 0us, which makes each rank a host, goes with it")
    }
    if configuration.parallel.accumulate > 1 {
      throw ScalingError(
        description:
          "--predict finds out into how many parts a mini-batch has to be divided: leave "
          + "out --accumulate, and let --batch-size be what these ranks hold at once")
    }
    if configuration.parallel.reduction == .mpi {
      throw ScalingError(
        description: "--predict knows what --reduction tree sends, not what MPI's all-reduce does")
    }
    if let odd = scenario.ranks.first(where: { $0 % ranksPerHost != 0 }) {
      throw ScalingError(
        description:
          "\(odd) ranks cannot be predicted from hosts of \(ranksPerHost), as many as run "
          + "here: use multiples of \(ranksPerHost)")
    }
  }

  /// Measures, then predicts; the result is rank 0's.
  package func predict() throws -> ScalingTable {
    let (images, trace, model) = try measure(batch: configuration.parallel.batchSize)
    var less: (images: Double, trace: StepTrace)?
    if !scenario.batchSizes.isEmpty {
      let shards = configuration.parallel.shards ?? ranks.count * threads
      let batch = max(shards, configuration.parallel.batchSize / 8)
      try ranks.together {
        if batch >= configuration.parallel.batchSize {
          throw ScalingError(
            description: "what fewer images a rank take cannot be told from one measurement of "
              + "\(configuration.parallel.batchSize): use a larger --batch-size")
        }
      }
      let fewer = try measure(batch: batch)
      less = (fewer.images, fewer.trace)
    }
    let network = NetworkModel(
      latency: scenario.latency, secondsPerByte: 1 / scenario.bandwidth,
      secondsPerAddedByte: try secondsPerAddedByte() / Double(ranksPerHost))
    let predictor = ScalingPredictor(
      trace: (images, trace), less: less, network: network, configuration: configuration,
      weights: model.weights, totals: model.totals, threads: threads, ranksPerHost: ranksPerHost)
    let rows = try ranks.together {
      try scenario.ranks.flatMap { count in
        let batches =
          scenario.batchSizes.isEmpty
          ? [configuration.parallel.batchSize / ranks.count * count] : scenario.batchSizes
        return try batches.map { try predictor.row(ranks: count, batch: $0) }
      }
    }
    return ScalingTable(
      model: model.name, threads: threads, precision: configuration.network.precision,
      ranksPerHost: ranksPerHost,
      measuredBatchSize: configuration.parallel.batchSize, measuredRanks: ranks.count,
      measuredStepSeconds: trace.passSeconds + trace.update, latency: scenario.latency,
      bandwidth: scenario.bandwidth, secondsPerAddedByte: network.secondsPerAddedByte, rows: rows)
  }

  /// Images of a rank, and what it does with them.
  private func measure(
    batch: Int
  ) throws -> (images: Double, trace: StepTrace, model: (name: String, weights: Int, totals: Int)) {
    var options = options
    options.recordsSteps = true
    options.layers = false
    var configuration = measured
    configuration.parallel.batchSize = batch
    let run = try BenchmarkRun(configuration, options: options, ranks: ranks)
    _ = try run.measure()
    return (
      Double(batch) / Double(ranks.count), run.trace!,
      (run.modelName, run.parameterLayout.weights.count, run.parameterLayout.normalizationTotals)
    )
  }

  /// γ of one rank while all are at it, on memory that the caches have let go.
  private func secondsPerAddedByte() throws -> Double {
    let count = 1 << 20
    let values = AlignedBuffer<Float>(count: 32 * count)
    let clock = ContinuousClock()
    try ranks.control.barrier()
    var times: [Double] = []
    for round in 0..<16 {
      let began = clock.now
      let into = values.pointer + 2 * round * count
      Elementwise.add(into, into + count, output: into, count: count)
      times.append((clock.now - began).seconds)
    }
    return times.sorted()[times.count / 2] / Double(count * MemoryLayout<Float>.stride)
  }
}
