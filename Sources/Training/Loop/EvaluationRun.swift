/// A whole evaluation: weights and images opened on all ranks, tested, told.

import Datasets
import Foundation
import MPI
import Networks
import Tensors

/// Plain weights do not say how images are normalized.
struct MissingNormalization: UsageError, CustomStringConvertible {
  let path: String

  var description: String {
    "\(path) does not say how the images were normalized: give --mean and --std (torchvision's are "
      + "--mean 0.485,0.456,0.406 --std 0.229,0.224,0.225)"
  }
}

/// The images have other classes than the network.
struct ClassCountMismatch: UsageError, CustomStringConvertible {
  let weights: String
  let network: Int
  let images: Int

  var description: String {
    "\(weights) tells \(network) classes apart, the images have \(images): use the data set that the "
      + "network was trained on"
  }
}

/// One `resnet-dist eval`.
public final class EvaluationRun {
  public struct Result {
    let model: String
    let totals: EpochTotals
    let parametersSHA256: String
    let data: String
    let seconds: Double

    /// `{"model","samples","top1","top5","loss","parameters_sha256"}`; top1 and top5 are fractions
    /// right, loss is the mean cross-entropy.
    public var json: String {
      let loss = totals.meanLoss.isFinite ? "\(totals.meanLoss)" : "null"
      return "{\"model\":\"\(model)\",\"samples\":\(totals.images),"
        + "\"top1\":\(Double(totals.top1) / Double(totals.images)),"
        + "\"top5\":\(Double(totals.top5) / Double(totals.images)),"
        + "\"loss\":\(loss),\"parameters_sha256\":\"\(parametersSHA256)\"}"
    }

    public var text: String {
      var table = SummaryTable()
      table.add("network", model)
      table.add("images", data)
      table.add(
        "top-1 error",
        "\(FigureText.percent(totals.top1Error, decimals: 2)), \(totals.top1.grouped) of "
          + "\(totals.images.grouped) right")
      table.add("top-5 error", FigureText.percent(totals.top5Error, decimals: 2))
      table.add("loss", String(format: "%.5f", totals.meanLoss))
      table.add("speed", "\(FigureText.rate(Double(totals.images) / seconds)) images/s")
      table.add("sha256", parametersSHA256)
      return String(table.description.dropLast())
    }
  }

  private let replica: Replica
  private let evaluator: Evaluator
  private let source: any ImageSource
  private let ranks: Ranks
  private let console: any Console

  /// Opens weights and images.
  ///
  /// - Throws: `CollectiveFailure`.
  public init(
    flags: [(key: String, value: String)], weights path: String, ranks: Ranks,
    console: any Console
  ) throws {
    let configuration = try ranks.together {
      try TrainingConfiguration(flags, over: .ofRun(weights: path))
    }
    try ranks.agree(on: configuration.values)
    let (source, transform) = try ranks.together {
      let source = try TrainingData.test(configuration)
      return (source, try configuration.testTransform(for: source))
    }
    try ranks.agree(on: [("test images", source.fingerprint)])
    let shards = configuration.shards(ranks: ranks.count)
    let givesNormalization = flags.contains { $0.key == "mean" || $0.key == "std" }
    let threads = try configuration.threads ?? ThreadAllocation.threads(local: ranks.local)
    let (weights, architecture, division) = try ranks.together {
      let weights = try WeightsFile(path)
      // Some classes of many may have no test image.
      let fits: (Int) -> Bool = { classes in
        source.hasNumberedClasses ? classes >= source.classCount : classes == source.classCount
      }
      if let classes = weights.classes, !fits(classes) {
        throw ClassCountMismatch(
          weights: weights.path, network: classes, images: source.classCount)
      }
      let architecture = try ModelCatalog.architecture(
        named: configuration.model, shortcut: configuration.shortcut,
        classes: weights.classes ?? source.classCount,
        input: transform.outputShape(of: source.imageShape)!)
      let layout = try ShardLayout(
        batch: configuration.batchSize, shards: shards, ranks: ranks.count, rank: ranks.rank)
      return (weights, architecture, StatisticsDivision(whole: layout))
    }
    let exchange = try ranks.statisticsExchange(division, architecture)
    let (replica, normalization) = try ranks.together {
      let replica = Replica(
        architecture, training: nil, evaluation: division.layout, threads: threads,
        exchange: exchange)
      try weights.load(into: replica)
      let normalization = try Self.normalization(
        configuration, weights, given: givesNormalization, source: source,
        shape: architecture.input)
      return (replica, normalization)
    }
    self.replica = replica
    self.source = source
    self.ranks = ranks
    self.console = console
    evaluator = Evaluator(
      replica, source: source, normalization: normalization, transform: transform,
      workers: configuration.workers, exchange: exchange)
  }

  /// What the weights were trained with, or what the flags say.
  private static func normalization(
    _ configuration: TrainingConfiguration, _ weights: WeightsFile, given: Bool,
    source: any ImageSource, shape: ImageShape
  ) throws -> Normalization {
    if !given, let tensors = weights.preprocessing,
      let normalization = Preprocessing.normalization(tensors, shape: shape)
    {
      return normalization
    }
    let channels = shape.channels
    let configuration = configuration.withResolvedNormalization(for: source)
    let file = try configuration.statisticsFile(shape: shape)
    let mean: [Float]
    switch configuration.mean {
    case .file: mean = file?.meanImage ?? []
    case .values(let values): mean = values
    case .none: mean = Array(repeating: 0, count: channels)
    case .automatic, .perPixel, .perChannel: throw MissingNormalization(path: weights.path)
    }
    let deviation: [Float]
    switch configuration.deviation {
    case .values(let values): deviation = values
    case .none: deviation = Array(repeating: 1, count: channels)
    case .automatic, .perChannel:
      guard let file else { throw MissingNormalization(path: weights.path) }
      deviation = file.deviation
    }
    return Normalization(
      mean: mean.count == channels ? .perChannel(mean) : .perPixel(mean), deviation: deviation)
  }

  /// Evaluates all test images; the result is the same on every rank.
  public func evaluate() throws -> Result {
    let bar = ranks.isFirst ? ProgressBar(console: console) : nil
    bar?.begin("test", total: evaluator.batches)
    let clock = ContinuousClock()
    let began = clock.now
    let totals = try evaluator.evaluate { done in
      bar?.update(
        completed: done,
        images: min(done * replica.evaluationLayout.capacity, source.count))
    }
    bar?.finish()
    return Result(
      model: replica.architecture.name, totals: totals,
      parametersSHA256: replica.parametersSHA256,
      data: source.name, seconds: (clock.now - began).seconds)
  }
}
