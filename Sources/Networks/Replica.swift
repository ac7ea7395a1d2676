/// One rank's copy of the network: flat parameters, gradients, and the passes over its shards.

import Kernels
import Tensors

/// A trainable network bound to this rank's shards of a fixed mini-batch size.
///
/// Passes allocate nothing; one thread at a time drives a replica.
public final class Replica {
  public let architecture: Architecture
  public let parameterLayout: ParameterLayout
  /// The division of the training mini-batch.
  public let trainingLayout: ShardLayout
  /// The division of an evaluation batch.
  public let evaluationLayout: ShardLayout
  /// The BN groups of the training mini-batch.
  public var division: StatisticsDivision { workspace.division }
  let workspace: Workspace
  private let trainingPlan: Plan?
  private let evaluationPlan: Plan
  private let team: ThreadTeam

  /// Elements of the weights region that are complete after each layer's backward pass.
  private let completedWeights: [Int]
  /// Hear of each layer of training passes, in this order.
  private let observers: [any PassObserver]

  /// - Parameters:
  ///   - training: nil makes a replica that only evaluates, without gradients' memory.
  ///   - evaluation: same shards and ranks as `training`.
  ///   - threads: threads of this rank; more than its shards are of no use.
  ///   - division: the BN groups; nil is one of the whole mini-batch.
  ///   - gradients: memory for this rank's tree nodes; nil takes its own.
  ///   - labelSmoothing: of the training loss; evaluation has none.
  ///   - fuse: whether the plan may fuse operations; false is for tests.
  ///   - recomputesFrom: elements of an image's activations from which on the backward pass computes them
  ///     again instead of having them stored; nil is the plan's choice.
  ///   - observers: hear of each layer of training passes, in this order.
  ///   - other: whose parameters and running statistics are this replica's too: the same network,
  ///     compiled for images of another shape. Nil takes memory of its own.
  public init(
    _ architecture: Architecture, training: ShardLayout?, evaluation: ShardLayout,
    threads: Int = 1, division: StatisticsDivision? = nil, exchange: any StatisticsExchange,
    gradients: (any GradientMemory)? = nil, labelSmoothing: Double = 0, fuse: Bool = true,
    recomputesFrom leastCount: Int? = nil, observers: [any PassObserver] = [],
    sharing other: Replica? = nil
  ) {
    precondition(
      training == nil
        || (training!.shards == evaluation.shards && training!.ranks == evaluation.ranks),
      "training and evaluation are divided over the same shards and ranks")
    self.architecture = architecture
    self.observers = observers
    let parameters = ParameterLayout(architecture)
    parameterLayout = parameters
    trainingLayout = training ?? evaluation
    evaluationLayout = evaluation
    let division = division ?? StatisticsDivision(whole: training ?? evaluation)
    precondition(division.layout == training ?? evaluation, "BN groups of another mini-batch")
    team = ThreadTeam(threads: min(threads, evaluation.localShards.count))
    evaluationPlan = Plan(
      architecture, parameters: parameters, images: evaluation.localPositions.count,
      mode: .evaluation, threads: team.threads, division: division, fuse: fuse)
    trainingPlan = training.map { [team] in
      Plan(
        architecture, parameters: parameters, images: $0.localPositions.count, mode: .training,
        threads: team.threads, division: division, labelSmoothing: labelSmoothing, fuse: fuse,
        recomputesFrom: leastCount ?? Recomputation.leastCount)
    }
    let layers = trainingPlan?.layers ?? []
    completedWeights = Self.completedWeights(layers, of: parameters.weights.count)
    precondition(
      other.map { $0.parameterLayout.count == parameters.count } ?? true,
      "another network's parameters")
    workspace = Workspace(
      parameterLayout: parameters, memory: other?.workspace.memory ?? ParameterMemory(parameters),
      layout: evaluation, arena: max(evaluationPlan.arena, trainingPlan?.arena ?? 0),
      statisticsWidth: evaluationPlan.statisticsWidth, team: team, division: division,
      exchange: exchange, gradients: gradients,
      extent: training == nil
        ? GradientExtent(weights: 0, parameters: 0) : GradientExtent(parameters))
    let descriptions = layers.map { LayerDescription($0) }
    for observer in observers { observer.willObserve(descriptions) }
  }

  /// How far the weights region is complete after each layer's backward pass: up to the first
  /// element that an earlier layer has still to write.
  private static func completedWeights(_ layers: [any PlannedLayer], of count: Int) -> [Int] {
    var completed = Array(repeating: count, count: layers.count)
    var first = count
    for (index, layer) in layers.enumerated() {
      completed[index] = first
      first = min(first, layer.weightRange?.lowerBound ?? first)
    }
    return completed
  }

  /// Threads that this replica works with.
  public var threads: Int { team.threads }

  /// Bytes of the arena that holds activations and their gradients.
  public var arenaBytes: Int { workspace.arena.count * MemoryLayout<Float>.stride }

  /// He initialization, the same on every rank for the same seed.
  ///
  /// - Parameter zeroResidual: whether the last γ of each residual block begins as 0, so that the block
  ///   begins as its shortcut (Goyal et al. 2017, §5.1).
  public func initialize(seed: UInt64, zeroResidual: Bool = false) {
    let zeroScales = zeroResidual ? architecture.residualNormalizations.map { "\($0).weight" } : []
    HeInitialization.fill(
      parameterLayout, seed: seed, zeroScales: Set(zeroScales), parameters: workspace.parameters,
      runningStatistics: workspace.runningStatistics)
  }

  // MARK: Passes

  /// Forward and backward over this rank's images of one mini-batch, or of a part of one.
  ///
  /// Afterwards the weights region of `gradients` holds the sums over this rank's tree nodes
  /// (`gradientNodes`) of this part, still to be combined over ranks and parts. After the last part the
  /// normalization region holds the sums over all ranks and parts.
  /// - Parameters:
  ///   - images: [local images, H, W, C].
  ///   - labels: [local images].
  ///   - part: which part of the mini-batch these are; parts come in order.
  ///   - didForward: called between the two passes.
  /// - Returns: the sums of each of this rank's shards.
  /// - Throws: what the exchange throws.
  public func trainingPass(
    images: UnsafePointer<Float>, labels: UnsafePointer<Int32>, part: MiniBatchPart = .whole,
    didForward: () -> Void = {}
  ) throws -> UnsafeBufferPointer<ClassificationSums> {
    guard let plan = trainingPlan else {
      preconditionFailure("this replica was made for evaluation only")
    }
    workspace.layout = trainingLayout
    workspace.part = part
    workspace.normalizationTotals.begin()
    try forward(plan, .training, images, labels)
    didForward()
    var completed = 0
    for (index, layer) in plan.layers.enumerated().reversed() {
      workspace.scratch = plan.scratch(index, .backward)
      try observe(index, backward: true) { try layer.backward(workspace) }
      if completedWeights[index] > completed {
        completed = completedWeights[index]
        for observer in observers { try observer.didComplete(weightGradients: completed) }
      }
    }
    try workspace.normalizationTotals.finish(workspace)
    return UnsafeBufferPointer(workspace.shardSums)
  }

  /// Forward over this rank's images of one evaluation batch, with running statistics.
  ///
  /// - Parameter batch: global images in this batch, at most the evaluation layout's.
  public func evaluationPass(
    images: UnsafePointer<Float>, labels: UnsafePointer<Int32>, batch: Int
  ) throws -> UnsafeBufferPointer<ClassificationSums> {
    workspace.layout = evaluationLayout.shortened(to: batch)
    try forward(evaluationPlan, .evaluation, images, labels)
    return UnsafeBufferPointer(workspace.shardSums)
  }

  /// Forward over this rank's images of one evaluation batch, with running statistics and without
  /// labels.
  ///
  /// - Parameter batch: global images in this batch, at most the evaluation layout's.
  /// - Returns: class scores, [local images, positions, classes], until the next pass.
  public func scoringPass(
    images: UnsafePointer<Float>, batch: Int
  ) throws -> UnsafeBufferPointer<Float> {
    workspace.layout = evaluationLayout.shortened(to: batch)
    try forward(evaluationPlan, .evaluation, images, nil)
    return evaluationLogits
  }

  /// Forward over this rank's images of a whole evaluation batch, normalized by the batch's own
  /// statistics as in training; nothing is learned.
  ///
  /// - Returns: the batch's means and unbiased variances, in the running statistics' order and the
  ///   same on every rank, until the next pass.
  public func statisticsPass(
    images: UnsafePointer<Float>
  ) throws -> UnsafeBufferPointer<Double> {
    precondition(division.layout == evaluationLayout && division.groups.count == 1)
    workspace.layout = evaluationLayout
    workspace.part = .whole
    workspace.normalizationTotals.begin()
    try forward(evaluationPlan, .training, images, nil)
    return UnsafeBufferPointer(
      start: workspace.normalizationTotals.statistics(ofGroup: 0)!,
      count: parameterLayout.runningStatisticsCount)
  }

  /// - Parameter labels: nil leaves out the loss.
  private func forward(
    _ plan: Plan, _ mode: PassMode, _ images: UnsafePointer<Float>,
    _ labels: UnsafePointer<Int32>?
  ) throws {
    workspace.images = images
    if let labels { workspace.labels = labels }
    let layers = labels == nil ? plan.layers.dropLast() : plan.layers[...]
    for (index, layer) in layers.enumerated() {
      workspace.scratch = plan.scratch(index, .forward)
      if mode == .training {
        try observe(index, backward: false) { try layer.forward(workspace, mode: mode) }
      } else {
        try layer.forward(workspace, mode: mode)
      }
    }
  }

  private func observe(_ layer: Int, backward: Bool, _ body: () throws -> Void) throws {
    for observer in observers { try observer.willRun(layer: layer, backward: backward) }
    try body()
    for observer in observers { try observer.didRun(layer: layer, backward: backward) }
  }

  /// Class scores of the last evaluation pass, [local images, positions, classes].
  public var evaluationLogits: UnsafeBufferPointer<Float> { logits(of: evaluationPlan) }

  /// Class scores of the last training pass, [local images, classes].
  public var trainingLogits: UnsafeBufferPointer<Float> { logits(of: trainingPlan!) }

  private func logits(of plan: Plan) -> UnsafeBufferPointer<Float> {
    let images = workspace.layout.localPositions.count
    return UnsafeBufferPointer(
      start: workspace.arena.pointer + plan.logits.offset!,
      count: images * plan.logits.shape.count)
  }

  // MARK: Flat buffers

  // Views into the replica's memory: they end with it, so a caller holds the replica while it reads
  // them (`withExtendedLifetime` where the view is the replica's last use).

  /// Parameters in the layout's order.
  public var parameters: UnsafeMutableBufferPointer<Float> { workspace.memory.parameters.elements }

  /// BN running statistics in the layout's order.
  public var runningStatistics: UnsafeMutableBufferPointer<Float> {
    workspace.memory.runningStatistics.elements
  }

  /// This rank's gradients in the layout's order: of its first tree node in the weights region, of the
  /// whole mini-batch in the normalization region.
  public var gradients: UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(start: workspace.nodeGradient(0), count: parameterLayout.count)
  }

  /// The weights' gradients of the whole mini-batch, once a reduction has summed them.
  public var weightGradientSum: UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(start: workspace.gradients.sum, count: parameterLayout.weights.count)
  }

  /// The normalization's gradients of the whole mini-batch, after its last training pass.
  package var normalizationGradients: UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(rebasing: gradients[parameterLayout.normalization])
  }

  /// The tree nodes that this rank's shards make up, and the weights region of each one's gradient.
  /// The first node's stands in `gradients`.
  public var gradientNodes: [(shards: Range<Int>, weights: UnsafeMutableBufferPointer<Float>)] {
    workspace.nodes.indices.map { node in
      (
        workspace.nodes[node],
        UnsafeMutableBufferPointer(
          start: workspace.nodeGradient(node), count: parameterLayout.weights.count)
      )
    }
  }

  /// The name of the first parameter whose gradient, summed over all ranks, holds NaN or infinity.
  ///
  /// Sums of such values stay such values, so every rank finds the same, whichever rank made it.
  public var firstParameterWithoutFiniteGradient: String? {
    let normalization = parameterLayout.normalization
    let isFinite =
      Elementwise.isFinite(weightGradientSum.baseAddress!, count: weightGradientSum.count)
      && Elementwise.isFinite(
        normalizationGradients.baseAddress!, count: normalizationGradients.count)
    if isFinite { return nil }
    return parameterLayout.slots.first { slot in
      let gradient =
        normalization.contains(slot.range.lowerBound)
        ? UnsafePointer(workspace.nodeGradient(0)) : weightGradientSum.baseAddress!
      return !Elementwise.isFinite(gradient + slot.range.lowerBound, count: slot.range.count)
    }?.name
  }
}
