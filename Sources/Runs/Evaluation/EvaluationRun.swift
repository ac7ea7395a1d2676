/// A whole evaluation: weights and images are opened on all ranks, tested and reported.

import Console
import Datasets
import Distributed
import Evaluation
import Foundation
import MPI
import Networks
import Safetensors
import Settings

/// One `resnet-dist eval`.
package final class EvaluationRun {
  /// One of the networks to evaluate.
  package struct Request {
    /// A run folder, a checkpoint or a weights file.
    package let weights: String
    /// Values that concern this network alone.
    package let changes: ConfigurationChanges

    package init(weights: String, changes: ConfigurationChanges) {
      self.weights = weights
      self.changes = changes
    }
  }

  private let members: [EvaluationMember]
  private let digests: [String]
  private let views: EvaluationViews
  private let source: any ImageSource
  private let division: NormalizationGroups
  private let threads: Int
  private let workers: Int
  private let ranks: ProcessGroup
  private let console: any Console

  /// Opens weights and images.
  ///
  /// The first network's run says which images there are and how they are divided, where `changes` do
  /// not.
  /// - Parameters:
  ///   - requests: one, or several whose scores are averaged.
  ///   - changes: for all of them.
  ///   - views: what the networks see of each image.
  /// - Throws: `CollectiveFailure`.
  package init(
    _ requests: [Request], changes: ConfigurationChanges,
    views: EvaluationViews = .center, ranks: ProcessGroup, console: any Console
  ) throws {
    let configurations = try ranks.together {
      try requests.map {
        try TrainingConfiguration.ofClassifier(
          weights: $0.weights, changes: changes + $0.changes)
      }
    }
    for configuration in configurations {
      try ranks.agree(on: configuration.values + [("the views", "\(views)")])
    }
    let first = configurations[0]
    let source = try ranks.together { try TrainingData.test(first) }
    try ranks.agree(on: [("test images", source.fingerprint)])
    let (members, division) = try ranks.together {
      let members = try zip(requests, configurations).map { request, configuration in
        try EvaluationMember(
          configuration, weights: request.weights, source: source,
          transform: try configuration.testTransform(for: source), views: views,
          normalizationIsGiven: changes.giveNormalization)
      }
      let layout = try ShardLayout(
        batch: first.parallel.batchSize, shards: first.shards(ranks: ranks.count),
        ranks: ranks.count,
        rank: ranks.rank)
      // What does not fit is reported before the first network is evaluated.
      for member in members {
        try member.check()
        let classes = members[0].architecture.classes
        if member.architecture.classes != classes {
          throw EnsembleClassesDiffer(
            first: (members[0].weights.path, classes),
            other: (member.weights.path, member.architecture.classes))
        }
      }
      return (members, NormalizationGroups(whole: layout))
    }
    digests = members.map(\.parametersSHA256)
    try ranks.agree(
      on: zip(members, digests).map { (key: "the weights \($0.weights.path)", value: $1) })
    let threads = try first.threads(on: ranks)
    switch views {
    case .dense: break  // One image at a time.
    case .center, .tenCrops:
      for member in members {
        try member.checkMemory(division.layout, threads: threads, ranks: ranks)
      }
    }
    self.threads = threads
    workers = first.parallel.workers
    self.members = members
    self.views = views
    self.source = source
    self.division = division
    self.ranks = ranks
    self.console = console
    if ranks.isFirst { noteOtherClassNames() }
  }

  /// Says where the networks' classes have other names than the images'.
  private func noteOtherClassNames() {
    for member in members {
      let (known, found) = (member.weights.classNames, source.classNames)
      guard known.count == found.count, !source.hasNumberedClasses,
        let index = known.indices.first(where: { known[$0] != found[$0] })
      else { continue }
      console.writeLine(
        "note: \(member.weights.path) calls class \(index) \(known[index]), the images' folder calls it "
          + "\(found[index]): classes are compared by their order, not by their names")
    }
  }

  /// Evaluates all test images; the result is the same on every rank, but for the predictions.
  ///
  /// - Parameter wantsPredictions: whether what is said of each image is gathered on rank 0.
  package func evaluate(wantsPredictions: Bool = false) throws -> EvaluationResult {
    let clock = ContinuousClock()
    let began = clock.now
    let totals: EpochTotals
    let outcomes =
      wantsPredictions
      ? ImageOutcomes(classes: members[0].architecture.classes, label: source.label(at:)) : nil
    let views: Int
    switch self.views {
    case .dense:
      views = 2 * members[0].scales.count
      totals = try scoreDensely(outcomes)
    case .center, .tenCrops:
      views = members[0].transforms.count
      totals = try members.count * views == 1 ? countAlone(outcomes) : scoreCrops(outcomes)
    }
    let seconds = (clock.now - began).seconds
    return EvaluationResult(
      models: members.map(\.architecture.name), shortcuts: members.map(\.shortcut),
      digests: digests, views: views, totals: totals,
      classes: members[0].architecture.classes, data: source.name,
      testImages: members.map(\.testImages), seconds: seconds,
      predictions: try outcomes.map {
        try TestPredictions($0, of: source, ranks: ranks.control)
      })
  }

  /// One network's logits for one view decide.
  private func countAlone(_ outcomes: ImageOutcomes?) throws -> EpochTotals {
    let member = members[0]
    let exchange = try ranks.statisticsExchange(division, member.architecture)
    let replica = try ranks.together {
      try member.replica(division.layout, threads: threads, exchange: exchange)
    }
    let evaluator = Evaluator(
      replica, source: source, normalization: member.normalization,
      transform: member.transforms[0], workers: workers, exchange: exchange)
    let bar = progressBar(steps: evaluator.batches)
    defer { bar?.finish() }
    return try evaluator.evaluate(outcomes: outcomes) { done in
      bar?.update(completed: done, images: min(done * division.layout.capacity, source.count))
    }
  }

  /// Softmax scores, averaged over crops and networks, decide (Krizhevsky et al. 2012, §4.1).
  private func scoreCrops(_ outcomes: ImageOutcomes?) throws -> EpochTotals {
    let pass = ScoringPass(source: source, layout: division.layout, workers: workers)
    let scores = ImageScores(images: pass.images, classes: members[0].architecture.classes)
    let passes = members.count * members[0].transforms.count
    let bar = progressBar(steps: pass.batches * passes)
    defer { bar?.finish() }
    var finished = 0
    for member in members {
      let replica = try ranks.together {
        try member.replica(division.layout, threads: threads, exchange: SingleRankExchange())
      }
      for transform in member.transforms {
        try pass.run(replica, member.normalization, transform, into: scores) { done in
          bar?.update(
            completed: finished * pass.batches + done,
            images: finished * source.count + min(done * division.layout.capacity, source.count))
        }
        finished += 1
      }
    }
    return try totals(scores, views: passes, outcomes)
  }

  /// The same over scales and positions of whole images.
  private func scoreDensely(_ outcomes: ImageOutcomes?) throws -> EpochTotals {
    let scales = members[0].scales
    let pass = try DenseScoring(source, scales: scales, threads: threads, ranks: ranks)
    let scores = ImageScores(images: pass.images, classes: members[0].architecture.classes)
    let bar = progressBar(steps: pass.steps * members.count)
    defer { bar?.finish() }
    for (index, member) in members.enumerated() {
      let replica = try ranks.together {
        try member.replica(
          ShardLayout(batch: 1, shards: 1), threads: 1, exchange: SingleRankExchange())
      }
      try pass.run(member.architecture, replica, member.normalization, into: scores) {
        steps, images in
        bar?.update(
          completed: index * pass.steps + steps,
          images: (index * scores.images.count * scales.count + images) * ranks.count)
      }
    }
    return try totals(scores, views: 2 * scales.count * members.count, outcomes)
  }

  private func totals(
    _ scores: ImageScores, views: Int, _ outcomes: ImageOutcomes?
  ) throws -> EpochTotals {
    if let outcomes { scores.report(to: outcomes, views: views) }
    return try scores.totals(
      views: views, label: source.label(at:), count: source.count, ranks: ranks.control)
  }

  private func progressBar(steps: Int) -> ProgressBar? {
    guard ranks.isFirst else { return nil }
    let bar = ProgressBar(console: console)
    bar.begin("test", total: steps)
    return bar
  }
}
