/// A whole recalibration: BN statistics over a large sample of training images, after training.

import System
import Console
import Datasets
import Distributed
import Foundation
import Networks
import Settings

/// More images are requested than there are, or fewer than a mini-batch.
struct SampleSizeError: UsageError, CustomStringConvertible {
  let images: Int
  let available: Int
  let miniBatch: Int

  var description: String {
    images > available
      ? "--images \(images): there are \(available) training images"
      : "\(images) images are fewer than a mini-batch of \(miniBatch): use more --images or a smaller "
        + "--batch-size"
  }
}

/// One `resnet-dist bn-recalibrate`.
package final class RecalibrationRun {
  package struct Result {
    let model: String
    let output: String
    let miniBatches: Int
    let batchSize: Int
    let parametersSHA256: String
    let data: String

    /// `{"model","samples","mini_batches","parameters_sha256"}`.
    package var json: String {
      JSON.object([
        "model": .string(model), "samples": .integer(miniBatches * batchSize),
        "mini_batches": .integer(miniBatches), "parameters_sha256": .string(parametersSHA256),
      ]).description
    }

    package var text: String {
      var table = SummaryTable()
      table.add("network", model)
      table.add("images", data)
      table.add(
        "statistics of",
        "\((miniBatches * batchSize).grouped) images, \(miniBatches.grouped) mini-batches of "
          + batchSize.grouped)
      table.add("written to", output)
      table.add("sha256", parametersSHA256)
      return String(table.description.dropLast())
    }
  }

  private let configuration: TrainingConfiguration
  private let replica: Replica
  private let output: RecalibratedWeights
  private let normalization: Normalization
  private let source: any ImageSource
  private let transform: ImageTransform
  private let miniBatches: Int
  private let ranks: ProcessGroup
  private let console: any Console

  private var layout: ShardLayout { replica.evaluationLayout }

  /// Opens weights and images, and checks that the output can be written.
  ///
  /// - Parameters:
  ///   - changes: over the configuration of the run that the weights are from.
  ///   - images: how many to take; nil: all. Whole mini-batches are taken of them.
  ///   - output: a new run folder, or a new `.safetensors` file.
  /// - Throws: `CollectiveFailure`.
  package init(
    weights path: String, changes: ConfigurationChanges, images: Int?, output: String,
    ranks: ProcessGroup, console: any Console
  ) throws {
    let configuration = try ranks.together {
      try TrainingConfiguration.ofClassifier(weights: path, changes: changes)
    }
    try ranks.agree(
      on: configuration.values + [("images", "\(images ?? 0)"), ("output", output)])
    let data = try ranks.together { try TrainingData(configuration) }
    let source = data.train
    try ranks.agree(on: [("training images", source.fingerprint)])
    let batch = configuration.normalizedTogether(
      batchIsGiven: changes.contains(\.parallel.batchSize))
    let miniBatches = (images ?? source.count) / batch
    let (member, division) = try ranks.together {
      guard (images ?? 0) <= source.count, miniBatches >= 1 else {
        throw SampleSizeError(
          images: images ?? source.count, available: source.count, miniBatch: batch)
      }
      let member = try EvaluationMember(
        configuration, weights: path, source: source, transform: data.testTransform,
        normalizationIsGiven: changes.giveNormalization)
      let shards = changes.contains(\.parallel.shards) ? configuration.parallel.shards : nil
      let layout = try ShardLayout(
        batch: batch, shards: shards ?? min(batch, max(8, ranks.count)), ranks: ranks.count,
        rank: ranks.rank)
      return (member, NormalizationGroups(whole: layout))
    }
    let exchange = try ranks.statisticsExchange(division, member.architecture)
    let threads = try configuration.threads(on: ranks)
    try member.checkMemory(division.layout, threads: threads, ranks: ranks)
    replica = try ranks.together {
      try member.replica(division.layout, threads: threads, exchange: exchange)
    }
    self.output = try ranks.together {
      RecalibratedWeights(
        source: member.weights, path: output, configuration: try .ofRun(weights: path))
    }
    normalization = member.normalization
    self.configuration = configuration
    self.source = source
    transform = try configuration.trainingTransform(for: data.train)
    self.miniBatches = miniBatches
    self.ranks = ranks
    self.console = console
    try ranks.onFirst(self.output.check)
  }

  /// Computes the statistics and writes the weights.
  ///
  /// Mini-batches are those of the run's first epoch, augmented as in training.
  package func recalibrate() throws -> Result {
    var statistics = PopulationStatistics(replica.architecture, batch: layout.capacity)
    let loader = BatchLoader(
      source: source, normalization: normalization,
      transform: transform, order: .shuffled(seed: configuration.run.seed),
      batchSize: layout.capacity,
      localRange: layout.localPositions, steps: 0..<miniBatches,
      workers: configuration.parallel.workers)
    let bar = ranks.isFirst ? ProgressBar(console: console) : nil
    bar?.begin("statistics", total: miniBatches)
    for step in 0..<miniBatches {
      try loader.withNext { batch in
        statistics.add(try replica.statisticsPass(images: batch.pixels.base))
      }
      bar?.update(completed: step + 1, images: (step + 1) * layout.capacity)
    }
    bar?.finish()
    statistics.store(in: replica)
    try ranks.onFirst { try output.write(replica) }
    return Result(
      model: replica.architecture.name, output: output.path, miniBatches: miniBatches,
      batchSize: layout.capacity, parametersSHA256: replica.parametersSHA256, data: source.name)
  }
}

extension TrainingConfiguration {
  /// Images whose statistics normalize them in training: a BN group, or a micro-batch.
  fileprivate func normalizedTogether(batchIsGiven: Bool) -> Int {
    batchIsGiven
      ? parallel.batchSize
      : parallel.normalizationGroup ?? parallel.batchSize / parallel.accumulate
  }
}
