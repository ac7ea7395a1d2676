/// Predictions for image files: weights and images are opened on all ranks, and rank 0 tells.

import Console
import Datasets
import Distributed
import Evaluation
import Foundation
import Kernels
import Networks
import Settings
import Tensors

/// One `resnet-dist predict`.
package final class PredictionRun {
  private let member: EvaluationMember
  private let source: ImageFileList
  private let names: [String]
  private let layout: ShardLayout
  private let threads: Int
  private let workers: Int
  private let ranks: ProcessGroup
  private let console: any Console

  /// Opens weights and images.
  ///
  /// - Parameters:
  ///   - weights: a run folder, a checkpoint or a weights file.
  ///   - images: files and folders.
  ///   - classes: a file with the classes' names; nil: the checkpoint's, or numbers.
  ///   - changes: over the settings of the run that the weights are from.
  ///   - console: where rank 0 shows how far it is.
  /// - Throws: `CollectiveFailure`.
  package init(
    weights: String, images: [String], classes: String?, changes: ConfigurationChanges,
    ranks: ProcessGroup, console: any Console
  ) throws {
    let configuration = try ranks.together {
      changes.applied(to: try .ofRun(weights: weights))
    }
    let (names, source, member) = try ranks.together {
      let file = try WeightsFile(weights)
      let count = file.classes ?? file.state?.classes ?? 1000
      let known = file.state?.classNames ?? []
      let names =
        try classes.map { try ClassNames.read($0, count: count) }
        ?? (known.count == count ? known : ClassNames.numbers(count))
      let source = try ImageFileList(
        images, classNames: names, upright: configuration.data.transposesByEXIF)
      let member = try EvaluationMember(
        configuration, weights: weights, source: source,
        transform: try Self.transform(configuration, file.state, source),
        normalizationIsGiven: changes.contains(\.data.mean) || changes.contains(\.data.deviation))
      try member.check()
      return (names, source, member)
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
    self.ranks = ranks
    self.console = console
  }

  /// What is done to images of any size: as in the run's tests, and for a network of small images that
  /// took them as they were, resized to their size.
  private static func transform(
    _ configuration: TrainingConfiguration, _ state: CheckpointState?, _ source: ImageFileList
  ) throws -> ImageTransform {
    guard let side = state?.inputSide, configuration.data.imageSize == nil,
      configuration.data.testSize == nil
    else { return try configuration.testTransform(for: source) }
    let shape = ImageShape(height: side, width: side, channels: 3)
    if source.imageShape == shape { return .none }
    return .test(resize: max(side, configuration.data.testResize ?? side), size: side)
  }

  /// How images become the network's input, in a few words.
  package var preprocessing: String {
    let transform = member.transforms[0]
    return transform == .none ? "as they are" : transform.description
  }

  /// What came of a run.
  package struct Outcome {
    /// In the images' order; empty on other ranks than 0.
    package let predictions: [ImagePrediction]
    /// [images, features], what the classifier sees of each image; empty on other ranks than 0 and where
    /// it was not requested.
    package let features: [Float]
    package let featureCount: Int
  }

  /// What one rank found of its images.
  private struct Part: Codable {
    var images: [Int] = []
    var tops: [[ImagePrediction.Guess]] = []
    var features: [Float] = []
  }

  /// Predicts all images.
  ///
  /// - Parameters:
  ///   - top: classes for each image; at most all.
  ///   - wantsFeatures: whether the classifier's input is kept.
  package func predict(top: Int, wantsFeatures: Bool) throws -> Outcome {
    let network =
      wantsFeatures
      ? member.architecture.adding(outputs: [member.architecture.scores.inputs[0]])
      : member.architecture
    let replica = try ranks.together {
      let replica = Replica(
        network, evaluation: layout, threads: threads, exchange: SingleRankExchange())
      try member.weights.load(into: replica)
      return replica
    }
    let batches = (source.count + layout.capacity - 1) / layout.capacity
    let loader = BatchLoader(
      source: source, normalization: member.normalization, transform: member.transforms[0],
      order: .sequential, batchSize: layout.capacity, localRange: layout.localPositions,
      steps: 0..<batches, workers: workers)
    let bar = ranks.isFirst && batches > 1 ? ProgressBar(console: console) : nil
    bar?.begin("predict", total: batches)
    defer { bar?.finish() }
    let classes = network.classes
    let scores = AlignedBuffer<Double>(count: classes)
    let exponentials = AlignedBuffer<Double>(count: classes)
    var part = Part()
    try ranks.together {
      for step in 0..<batches {
        let first = step * layout.capacity
        let batch = min(layout.capacity, source.count - first)
        try loader.withNext { images in
          let logits = VectorView(
            try replica.scoringPass(images: images.pixels.base, batch: batch))
          for image in 0..<images.count {
            scores.view.update(repeating: 0)
            SoftmaxScores.add(
              logits.row(image, width: classes), positions: 1, classes: classes, to: scores.view,
              exponentials: exponentials.view)
            part.images.append(first + layout.localPositions.lowerBound + image)
            part.tops.append(
              ImagePrediction.top(top, of: Array(scores.elements), names: names))
          }
          if wantsFeatures { part.features += replica.evaluationOutput(1) }
        }
        bar?.update(completed: step + 1, images: min(first + layout.capacity, source.count))
      }
    }
    return try gather(part, features: wantsFeatures ? network.featureCount : 0)
  }

  /// All ranks' parts in the images' order, on rank 0. Collective.
  private func gather(_ part: Part, features: Int) throws -> Outcome {
    let text = String(decoding: try JSONEncoder().encode(part), as: UTF8.self)
    let texts = try ranks.control.allGather(text)
    guard ranks.isFirst else {
      return Outcome(predictions: [], features: [], featureCount: features)
    }
    var tops: [Int: [ImagePrediction.Guess]] = [:]
    var values = [Float](repeating: 0, count: features * source.count)
    for text in texts {
      let part = try JSONDecoder().decode(Part.self, from: Data(text.utf8))
      for (row, image) in part.images.enumerated() {
        tops[image] = part.tops[row]
        for feature in 0..<features {
          values[image * features + feature] = part.features[row * features + feature]
        }
      }
    }
    return Outcome(
      predictions: (0..<source.count).map {
        ImagePrediction(image: source.imageName(at: $0), top: tops[$0] ?? [])
      }, features: values, featureCount: features)
  }
}

extension Architecture {
  /// Numbers that the classifier reads of an image.
  fileprivate var featureCount: Int { nodes[scores.inputs[0]].shape.count }
}
