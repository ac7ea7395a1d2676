/// From measured steps of a rank to the steps of a run of any size.

import Distributed
import Networks
import Settings

package struct ScalingPredictor {
  /// Images of a rank, and its step: the most that a rank holds at once.
  let trace: (images: Double, trace: StepTrace)
  /// The same with fewer images, where they are needed.
  let less: (images: Double, trace: StepTrace)?
  let network: NetworkModel
  let configuration: TrainingConfiguration
  /// Elements of the weights region.
  let weights: Int
  /// Numbers that normalization sums over all BN groups in a step.
  let totals: Int
  /// Threads of a rank.
  let threads: Int
  let ranksPerHost: Int

  package init(
    trace: (images: Double, trace: StepTrace), less: (images: Double, trace: StepTrace)?,
    network: NetworkModel, configuration: TrainingConfiguration, weights: Int, totals: Int,
    threads: Int,
    ranksPerHost: Int
  ) {
    self.trace = trace
    self.less = less
    self.network = network
    self.configuration = configuration
    self.weights = weights
    self.totals = totals
    self.threads = threads
    self.ranksPerHost = ranksPerHost
  }

  /// - Throws: `StatisticsGroupError`.
  package func row(ranks: Int, batch: Int) throws -> ScalingTable.Row {
    var row = ScalingTable.Row(ranks: ranks, hosts: ranks / ranksPerHost, batchSize: batch)
    guard let parts = parts(ranks: ranks, batch: batch) else { return row }
    let part = batch / parts
    let images = (part + ranks - 1) / ranks
    let groups = configuration.parallel.normalizationGroup.map { part / $0 } ?? 1
    let shards = (ranks * threads + groups - 1) / groups * groups
    let layout = try ShardLayout(batch: part, shards: min(shards, part), ranks: ranks)
    let bucket = max(1, configuration.parallel.bucketBytes / MemoryLayout<Float>.stride)
    let model = ScalingModel(
      network: network,
      hosts: try HostDivision(
        layout, hosts: row.hosts, imagesPerGroup: configuration.parallel.normalizationGroup),
      buckets: GradientBuckets(count: weights, size: bucket).ranges,
      bytesPerGradient: configuration.parallel.gradientCompression.bytesPerGradient)
    var step = step(images: Double(images))
    if groups > 1 { step = step.withTotals(width: totals) }
    let outcome = model.step(step, parts: parts)
    let rate = Double(batch) / outcome.seconds
    let ownRate = trace.images / (trace.trace.passSeconds + trace.trace.update)
    row.prediction = ScalingTable.Prediction(
      parts: parts, stepSeconds: outcome.seconds, imagesPerSecond: rate,
      efficiency: rate / (ownRate * Double(ranks)), statisticsWait: outcome.statistics,
      gradientWait: outcome.gradients, gradientsAreHalved: model.hosts.gradientsAreHalved,
      hostsSharingBnGroups: model.hosts.layerHosts)
    return row
  }

  /// Micro-batches of a step, each small enough for the ranks' memory; nil where a mini-batch has fewer images than
  /// there are threads.
  private func parts(ranks: Int, batch: Int) -> Int? {
    let most = Int(trace.images.rounded(.up)) * ranks
    let least = ranks * threads
    return ((batch + most - 1) / most..<batch / least + 1).first { batch % $0 == 0 }
  }

  private func step(images: Double) -> StepTrace {
    guard let less, images != trace.images else { return trace.trace }
    return .interpolated(images: images, less, trace)
  }
}
