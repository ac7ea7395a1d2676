/// The data-parallel training step: where replica, exchanges and update meet.

import Kernels
import MPI
import Networks
import Optimizers
import Tensors

/// This rank's images of one micro-batch, valid while the closure that gets it runs.
package struct MicroBatch {
  /// [local images, H, W, C].
  package let images: ImageTensor
  /// Of the same images.
  package let targets: Targets

  package init(images: ImageTensor, targets: Targets) {
    self.images = images
    self.targets = targets
  }
}

/// Where a step gets its micro-batches from, one after the other.
package protocol MicroBatchSource {
  /// Waits for the next micro-batch and calls `body` with it.
  func withNextMicroBatch(_ body: (MicroBatch) throws -> Void) throws
}

/// Trains a replica on this rank's share of each mini-batch, in step with the other ranks.
///
/// A step runs the micro-batches of a mini-batch one after the other. Of each it exchanges the statistics
/// of normalization layers during the passes, and sums metrics and weight gradients; then it checks that
/// all is finite and updates the parameters. Training, benchmarks and tests take this step and no other.
///
/// A step allocates nothing where images have one size. Used by one thread.
package final class TrainingEngine {
  /// What a step does beside its architecture and its division over shards and ranks.
  package struct Options {
    /// Threads of this rank.
    package var threads = 1
    /// Micro-batches of a mini-batch.
    package var microBatches = 1
    package var reduction = ReductionChoice.tree
    /// Bytes of gradients that are summed at a time.
    package var bucketBytes = 1 << 20
    /// Of gradients between hosts.
    package var compression = GradientCompression.none
    package var onNotFinite = NotFinitePolicy.stop
    package var optimizer: any OptimizerRule
    /// The learning rate of the backbone, over that of a step.
    package var backboneRate: Float = 1
    /// How the names of the other layers begin; nil: all but the classifier is the backbone.
    package var heads: [String]?

    package init(optimizer: any OptimizerRule) { self.optimizer = optimizer }
  }

  /// The parameters, and passes over them; only the engine runs training passes and updates.
  package var replica: TrainingReplica { passes.replica }
  private let passes: any StepPasses
  /// Updates the parameters, and holds what a checkpoint keeps of that.
  package let optimizer: Optimizer
  /// Merges statistics over the ranks; for evaluations between steps.
  package let statistics: any StatisticsExchange
  /// Where this rank is, as other ranks see it.
  package let rankProgress: RankProgress
  private let options: Options
  private let reduction: any GradientReduction
  private let losses: LossExchange
  /// The micro-batches' losses and metrics, added up in the order of their gradients.
  private let lossSums: PartialSums<Double>
  /// Where each loss's sums begin.
  private let lossOffsets: [Int]
  /// Running statistics before a step, which a skipped one returns to; empty where none is skipped.
  private let earlierStatistics: AlignedBuffer<Float>
  /// Why the last step changed nothing; nil: it did.
  package private(set) var skipped: (any NotFinite)?
  private let observers: [any StepObserver]

  /// Compiles the network and sets up the exchanges. Collective.
  ///
  /// - Parameters:
  ///   - smaller: the same network for smaller images, which steps may use instead; see `use`.
  ///   - division: of a micro-batch into shards, ranks and BN groups.
  ///   - group: the ranks that `division` is for.
  ///   - timeline: records what this rank does when.
  ///   - observers: notified of the layers of each step, in this order; `StepObserver`s of its phases and
  ///     exchanges too.
  /// - Throws: `MPIError`.
  package convenience init(
    _ architecture: Architecture, smaller: [Architecture] = [], _ division: NormalizationGroups,
    options: Options, group: ProcessGroup, timeline: Timeline? = nil,
    observers: [any PassObserver] = []
  ) throws {
    try self.init(
      architecture, division, options: options, group: group, timeline: timeline,
      observers: observers
    ) { statistics, reduction, observers in
      let observers = observers + [reduction]
      let replica = TrainingReplica(
        architecture, training: division.layout, evaluation: division.layout,
        threads: options.threads, division: division, exchange: statistics,
        gradients: reduction.memory, observers: observers)
      return WholeBatchPasses(
        replica,
        smaller: smaller.map {
          TrainingReplica(
            $0, training: division.layout, evaluation: division.layout, threads: options.threads,
            division: division, exchange: statistics, observers: observers, sharing: replica)
        })
    }
  }

  /// The same for images of different sizes, one a shard.
  ///
  /// - Parameters:
  ///   - architecture: the network for images of a size.
  ///   - largest: takes at least the memory of any other.
  ///   - layout: of a micro-batch.
  package convenience init(
    imageByImage architecture: @escaping (ImageShape) -> Architecture, largest: ImageShape,
    _ layout: ShardLayout, options: Options, group: ProcessGroup, timeline: Timeline? = nil,
    observers: [any PassObserver] = []
  ) throws {
    try self.init(
      architecture(largest), NormalizationGroups(whole: layout), options: options, group: group,
      timeline: timeline, observers: observers
    ) { statistics, reduction, observers in
      ImageByImagePasses(
        architecture, largest: largest, layout: layout, exchange: statistics,
        gradients: reduction.memory, observers: observers, reduction: reduction)
    }
  }

  private init(
    _ architecture: Architecture, _ division: NormalizationGroups, options: Options,
    group: ProcessGroup, timeline: Timeline?, observers: [any PassObserver],
    makePasses: (any StatisticsExchange, any GradientReduction, [any PassObserver]) ->
      any StepPasses
  ) throws {
    precondition(!architecture.losses.isEmpty, "a network without a loss cannot be trained")
    self.options = options
    let progress = CommunicationProgress(group.control)
    rankProgress = try RankProgress(group, timeline: timeline)
    self.observers = [rankProgress] + observers.compactMap { $0 as? any StepObserver }
    statistics = StepStatisticsExchange(
      try group.statisticsExchange(
        division, architecture, progress: progress, rankProgress: rankProgress),
      progress: progress, observers: self.observers)
    reduction = try group.gradientReduction(
      division.layout, GradientExtent(ParameterLayout(architecture)), options, progress: progress,
      rankProgress: rankProgress)
    let passes = makePasses(statistics, reduction, [rankProgress] + observers)
    self.passes = passes
    optimizer = Optimizer(
      options.optimizer, of: passes.replica, backboneRate: options.backboneRate,
      heads: options.heads)
    let lossSumsCount = architecture.lossSumsCount
    lossOffsets = architecture.lossSumsOffsets
    losses = LossExchange(statistics, division.layout, width: lossSumsCount)
    lossSums = PartialSums(parts: options.microBatches, count: lossSumsCount) { sum, next in
      for index in 0..<sum.count { sum[index] += next[index] }
    }
    earlierStatistics = AlignedBuffer(
      count: options.onNotFinite == .skip ? passes.replica.runningStatistics.count : 0)
  }

  /// The memory that an engine takes on a rank.
  ///
  /// - Parameter division: of a micro-batch, for that rank.
  package static func memory(
    _ architecture: Architecture, _ division: NormalizationGroups, options: Options
  ) -> MemoryNeed {
    let layout = division.layout
    var need = MemoryNeed(
      architecture, training: layout, evaluation: layout, threads: options.threads,
      division: division)
    let parameters = ParameterLayout(architecture)
    let extent = GradientExtent(parameters)
    need.parameters += Optimizer.bytes(options.optimizer, parameters: parameters.trainedCount)
    need.parameters += SharedGradientMemory.bytes(ofRank: layout.rank, layout, extent)
    if options.microBatches > 1 {
      need.parameters += PartialSums<Float>.bytes(
        parts: options.microBatches, count: extent.weights)
    }
    return need
  }

  /// Makes the next steps take images of `input`: the shape of the network or one of the smaller ones.
  ///
  /// - Precondition: all images of a step have one size.
  package func use(input: ImageShape) {
    guard let passes = passes as? WholeBatchPasses else {
      preconditionFailure("images of a step have sizes of their own")
    }
    passes.use(input: input)
  }

  /// Trains one mini-batch.
  ///
  /// - Parameters:
  ///   - number: of the step, from 1 on; for observers and messages.
  ///   - requests: of this rank; `requests` has all ranks' afterwards.
  ///   - source: gives `Options.microBatches` micro-batches.
  /// - Returns: the losses' sums over the mini-batch, the same on every rank; valid until the next step.
  ///   After a step that was skipped (`skipped`) they are no numbers, and the engine is as it was before.
  /// - Throws: `CollectiveFailure` for `Diverged` and `GradientNotFinite`, on every rank alike and before
  ///   any parameter is changed; `RanksOutOfStep`, `MPIError`, and what the source throws.
  package func step(
    _ number: Int, learningRate: Double, requests: StepRequests = [],
    from source: some MicroBatchSource
  ) throws -> LossSums {
    saveStatistics()
    for index in 0..<options.microBatches {
      let microBatch = MicroBatchIndex(index: index, of: options.microBatches)
      begin(.loading, number)
      try reduction.begin()
      try passes.run(microBatch, from: source, begin: { begin($0, number) }) { shards in
        try losses.sum(shards, requests: requests).add(to: lossSums, microBatch)
      }
      try reduction.finish()
    }
    let sums = LossSums(lossSums.total)
    begin(.update, number)
    skipped = failure(sums, step: number, learningRate: learningRate)
    if let skipped {
      if options.onNotFinite == .stop { throw CollectiveFailure(onEveryRank: skipped) }
      restoreStatistics()
    } else {
      optimizer.step(learningRate: learningRate)
    }
    reduction.release()
    for observer in observers { observer.didEnd(step: number) }
    return sums
  }

  /// The requests of all ranks in the last step: the same on every rank.
  package var requests: StepRequests { losses.requests }

  private func saveStatistics() {
    if earlierStatistics.view.count == 0 { return }
    earlierStatistics.view.update(from: VectorView(MutableVectorView(replica.runningStatistics)))
  }

  private func restoreStatistics() {
    MutableVectorView(replica.runningStatistics).update(from: VectorView(earlierStatistics.view))
  }

  private func begin(_ phase: StepPhase, _ step: Int) {
    for observer in observers { observer.willBegin(phase, ofStep: step) }
  }

  /// What is not a number in this step, the same on every rank; nil: nothing.
  private func failure(_ sums: LossSums, step: Int, learningRate: Double) -> (any NotFinite)? {
    for offset in lossOffsets {
      let own = sums.from(offset)
      if own.loss.isFinite { continue }
      return Diverged(step: step, learningRate: learningRate, loss: own.loss / own.samples)
    }
    return replica.firstParameterWithoutFiniteGradient.map {
      GradientNotFinite(step: step, learningRate: learningRate, parameter: $0)
    }
  }
}

/// What happens to a step whose loss or gradient is not a number.
package enum NotFinitePolicy: String, CaseIterable, Sendable {
  /// The run ends.
  case stop
  /// It changes nothing: parameters, the optimizer's state and running statistics stay.
  case skip
}

/// Something is no longer a number; every rank sees this at the same step, and before it changes anything.
package protocol NotFinite: Error {
  /// What it is, without the step.
  var finding: String { get }
}

/// The loss is no longer a number.
package struct Diverged: NotFinite, CustomStringConvertible {
  package let step: Int
  package let learningRate: Double
  /// The mean over the mini-batch.
  package let loss: Double

  package var finding: String { "the loss is \(loss.isNaN ? "nan" : "\(loss)")" }

  package var description: String {
    "\(finding) at step \(step) with learning rate \(learningRate): training has diverged. "
      + "Use a smaller --lr, or resume from the last checkpoint with one"
  }
}

/// A gradient, summed over all ranks, is no longer a number.
package struct GradientNotFinite: NotFinite, CustomStringConvertible {
  package let step: Int
  package let learningRate: Double
  package let parameter: String

  package var finding: String { "the gradient of \(parameter) holds NaN or infinite values" }

  package var description: String {
    "\(finding) at step \(step) with learning rate \(learningRate): training has diverged. Use a smaller --lr, or resume from the last checkpoint "
      + "with one"
  }
}
