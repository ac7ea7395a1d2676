/// Timed loading of training images without a network: what `resnet-dist bench --data` does.

import System
import Console
import Datasets
import Distributed
import Foundation
import MPI
import Networks
import Runs
import Settings
import Tensors

/// One `resnet-dist bench --data`: reading, decoding, augmentation and normalization as in `train`.
package struct DataBenchmark {
  private let configuration: TrainingConfiguration
  private let data: TrainingData
  private let seconds: Double
  private let ranks: ProcessGroup

  /// Opens the images.
  ///
  /// - Parameters:
  ///   - configuration: its data, augmentation and parallel settings.
  ///   - seconds: how long to load.
  /// - Throws: `CollectiveFailure`.
  package init(
    _ configuration: TrainingConfiguration, seconds: Double, ranks: ProcessGroup
  ) throws {
    try ranks.agree(on: configuration.values)
    let data = try ranks.together { try TrainingData(configuration) }
    self.init(configuration, data: data, seconds: seconds, ranks: ranks)
  }

  /// Loads images that are open.
  init(
    _ configuration: TrainingConfiguration, data: TrainingData, seconds: Double,
    ranks: ProcessGroup
  ) {
    self.data = data
    (self.configuration, self.seconds, self.ranks) = (configuration, seconds, ranks)
  }

  /// Loads mini-batches as fast as they come; rates are sums over all ranks.
  package func measure() throws -> DataBenchmarkResult {
    let (layout, transform) = try ranks.together {
      (
        try configuration.microBatchLayout(ranks: ranks.count, rank: ranks.rank),
        try configuration.trainingTransform(for: data.train)
      )
    }
    return try ranks.endTogether {
      let loader = BatchLoader(
        source: data.train,
        normalization: Normalization(
          mean: .perChannel(Preprocessing.imageNetMean),
          deviation: Preprocessing.imageNetDeviation),
        transform: transform, order: .shuffled(seed: configuration.run.seed),
        batchSize: layout.capacity, localRange: layout.localPositions, steps: 0..<Int.max / 2,
        badImages: configuration.data.badImages, workers: configuration.parallel.workers)
      let clock = ContinuousClock()
      _ = try loader.withNext(\.count)
      try ranks.control.barrier()
      let (start, startOfWork) = (clock.now, ResourceUsage.processorSeconds)
      var images = 0
      var badImages: [BadImage] = []
      while (clock.now - start).seconds < seconds {
        images += try loader.withNext(\.count) ?? 0
        badImages += loader.takeBadImages()
      }
      let elapsed = (clock.now - start).seconds
      let work = ResourceUsage.processorSeconds - startOfWork
      let rates = try ranks.control.allGather(Double(images) / elapsed)
      let counts = try ranks.control.allGather(images)
      let works = try ranks.control.allGather(work)
      let badCounts = try ranks.control.allGather(badImages.count)
      let reasons = try ranks.control.allGather(badImages.first?.reason ?? "")
      return DataBenchmarkResult(
        dataset: data.train.name, images: counts.reduce(0, +), ranks: ranks.count,
        workers: configuration.parallel.workers, height: data.inputShape.height,
        width: data.inputShape.width, augmentation: "\(transform)",
        imagesPerSecond: rates.reduce(0, +),
        imagesPerCoreSecond: Double(counts.reduce(0, +)) / works.reduce(0, +),
        badImages: badCounts.reduce(0, +), badImage: reasons.first { !$0.isEmpty })
    }
  }

}

/// The result of one `resnet-dist bench --data`; its JSON's keys are stable.
package struct DataBenchmarkResult: Codable {
  let dataset: String
  /// Images loaded while it was timed.
  let images: Int
  let ranks: Int
  /// Threads of each rank that load.
  let workers: Int
  /// Of the network's input.
  let height: Int
  let width: Int
  let augmentation: String
  /// Of all ranks.
  package let imagesPerSecond: Double
  /// Images for each second of processor time: what one core loads that does nothing else.
  package let imagesPerCoreSecond: Double
  /// Images among them that could not be read and were replaced.
  let badImages: Int
  /// One of them, and why.
  let badImage: String?

  package var json: String { sortedJSON }

  package var text: String {
    var table = SummaryTable()
    table.add("images", dataset)
    table.add("input", "\(height)×\(width), \(augmentation)")
    table.add("division", "\(ranks) × \(workers) worker\(workers == 1 ? "" : "s")")
    table.add("speed", "\(NumberFormat.rate(imagesPerSecond)) images/s, \(images.grouped) loaded")
    if let badImage { table.add("bad images", "\(badImages.grouped), such as \(badImage)") }
    table.add("a core", "\(NumberFormat.rate(imagesPerCoreSecond)) images a second of its time")
    return String(table.description.dropLast())
  }
}
