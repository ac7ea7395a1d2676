/// Predictions for image files: weights and images are opened on all ranks, and rank 0 tells.

import Console
import Datasets
import Distributed
import Evaluation
import Foundation
import Kernels
import MPI
import Networks
import Settings
import Tensors

/// One `resnet-dist predict`.
package final class PredictionRun {
  private let member: EvaluationMember
  private let source: any ImageSource
  private let names: [String]
  private let layout: ShardLayout
  private let threads: Int
  private let workers: Int
  private let badImages: BadImagePolicy
  private let ranks: ProcessGroup
  private let console: any Console

  /// How images become the network's input, in a few words.
  package let preprocessing: String

  /// Opens weights and images.
  ///
  /// - Parameters:
  ///   - weights: a run folder, a checkpoint or a weights file.
  ///   - images: files and folders.
  ///   - classes: a file with the classes' names; nil: those that the weights know, or numbers.
  ///   - changes: over the settings of the run that the weights are from.
  ///   - badImages: what becomes of files that cannot be decoded; `skip`: they have no prediction.
  ///   - console: where rank 0 shows how far it is.
  /// - Throws: `CollectiveFailure`.
  package init(
    weights: String, images: [String], classes: String?, changes: ConfigurationChanges,
    badImages: BadImagePolicy, ranks: ProcessGroup, console: any Console
  ) throws {
    let configuration = try ranks.together {
      try TrainingConfiguration.ofClassifier(weights: weights, changes: changes)
    }
    let (names, source, member, input) = try ranks.together {
      let file = try WeightsFile(weights)
      let names = try PredictionRun.names(file, from: classes)
      let input = try PredictionInput(configuration, file, changes: changes)
      let source = input.source(
        try ImageFileList(images, classNames: names, decoding: configuration.data.decoding))
      let member = try EvaluationMember(
        input.configuration, weights: weights, source: source, transform: input.transform,
        normalizationIsGiven: changes.giveNormalization)
      try member.check()
      return (names, source, member, input)
    }
    try ranks.agree(on: [
      ("the images", source.fingerprint), ("the weights", member.parametersSHA256),
    ])
    threads = try configuration.threads(on: ranks)
    workers = configuration.parallel.workers
    layout = try ranks.together {
      let batch = min(configuration.parallel.batchSize, max(source.count, ranks.count))
      return try ShardLayout(
        batch: batch, shards: min(configuration.shards(ranks: ranks.count), batch),
        ranks: ranks.count, rank: ranks.rank)
    }
    try member.checkMemory(layout, threads: threads, ranks: ranks)
    (self.names, self.source, self.member) = (names, source, member)
    preprocessing = input.description
    self.badImages = badImages
    self.ranks = ranks
    self.console = console
  }

  /// The classes' names: those in the file at `path`, those that the weights know, or numbers.
  private static func names(
    _ weights: WeightsFile, from path: String?
  ) throws(ClassNamesError) -> [String] {
    // Weights without a classifier are refused for what they lack when they are loaded.
    guard let count = weights.classes else { return ClassNames.numbers(1) }
    if let path { return try ClassNames.read(path, count: count) }
    let known = weights.classNames
    return known.count == count ? known : ClassNames.numbers(count)
  }

  /// What came of a run.
  package struct Outcome {
    /// In the images' order, without bad ones; empty on other ranks than 0.
    package let predictions: [ImagePrediction]
    /// [predictions, features], what the classifier sees of each image; empty on other ranks than 0 and
    /// where it was not requested.
    package let features: [Float]
    package let featureCount: Int
    /// Why images were skipped, in the images' order; empty on other ranks than 0.
    package let skipped: [String]
  }

  /// What one rank found of its images.
  private struct Part: Codable {
    struct Skipped: Codable {
      let image: Int
      let reason: String
    }

    /// Places of the images that were predicted.
    var images: [Int] = []
    var tops: [[ImagePrediction.Guess]] = []
    var skipped: [Skipped] = []
  }

  /// Predicts all images.
  ///
  /// - Parameters:
  ///   - top: classes for each image; at most all.
  ///   - wantsFeatures: whether the classifier's input is kept.
  package func predict(top: Int, wantsFeatures: Bool) throws -> Outcome {
    let network =
      wantsFeatures
      ? member.architecture.withFeatures : member.architecture
    let replica = try ranks.together {
      let replica = Replica(
        network, evaluation: layout, threads: threads, exchange: SingleRankExchange())
      try member.weights.load(into: replica)
      return replica
    }
    let featureCount = wantsFeatures ? network.features.count : 0
    let batches = (source.count + layout.capacity - 1) / layout.capacity
    let loader = BatchLoader(
      source: source, normalization: member.normalization, transform: member.transforms[0],
      order: .sequential, batchSize: layout.capacity, localRange: layout.localPositions,
      steps: 0..<batches, badImages: badImages, workers: workers)
    let bar = ranks.isFirst && batches > 1 ? ProgressBar(console: console) : nil
    bar?.begin("predict", total: batches)
    defer { bar?.finish() }
    let classes = network.classes
    let scores = AlignedBuffer<Double>(count: classes)
    let exponentials = AlignedBuffer<Double>(count: classes)
    var part = Part()
    var features: [Float] = []
    for step in 0..<batches {
      let first = step * layout.capacity
      // After each batch, so that a bad image on one rank ends all of them at once.
      try ranks.together {
        _ = try loader.withNext { images in
          let logits = VectorView(
            try replica.scoringPass(
              images: images.pixels.base, batch: min(layout.capacity, source.count - first)))
          for image in 0..<images.count {
            scores.view.update(repeating: 0)
            SoftmaxScores.add(
              logits.row(image, width: classes), positions: 1, classes: classes, to: scores.view,
              exponentials: exponentials.view)
            part.images.append(first + layout.localPositions.lowerBound + image)
            part.tops.append(
              ImagePrediction.top(top, of: Array(scores.elements), names: names))
          }
          if wantsFeatures { features += replica.evaluationFeatures }
        }
      }
      bar?.update(completed: step + 1, images: min(first + layout.capacity, source.count))
    }
    part.skipped = loader.takeBadImages().map { .init(image: $0.index, reason: $0.reason) }
    return try gather(part, features, featureCount)
  }

  /// Scores need not be finite numbers.
  private static var encoder: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return encoder
  }

  /// Reads what `encoder` writes.
  private static var decoder: JSONDecoder {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return decoder
  }

  /// All ranks' parts in the images' order, on rank 0. Collective.
  ///
  /// - Parameter features: [images of this rank, featureCount].
  private func gather(_ part: Part, _ features: [Float], _ featureCount: Int) throws -> Outcome {
    let texts = try ranks.control.gather(
      String(decoding: try Self.encoder.encode(part), as: UTF8.self))
    let rows = try ranks.control.gather(features)
    var tops: [Int: [ImagePrediction.Guess]] = [:]
    var rowOfImage: [Int: ArraySlice<Float>] = [:]
    var skipped: [Int: String] = [:]
    for (text, rows) in zip(texts, rows) {
      let part = try Self.decoder.decode(Part.self, from: Data(text.utf8))
      for (row, image) in part.images.enumerated() {
        tops[image] = part.tops[row]
        rowOfImage[image] = rows[row * featureCount..<(row + 1) * featureCount]
      }
      for bad in part.skipped { skipped[bad.image] = bad.reason }
    }
    let images = tops.keys.filter { skipped[$0] == nil }.sorted()
    return Outcome(
      predictions: images.map {
        ImagePrediction(image: source.imageName(at: $0), top: tops[$0] ?? [])
      },
      features: images.flatMap { rowOfImage[$0] ?? [] }, featureCount: featureCount,
      skipped: skipped.sorted { $0.key < $1.key }.map(\.value))
  }
}
