/// One rank's copy of the network: flat parameters, gradients, and the passes over its shards.

import Kernels
import Tensors
import Threads

/// A trainable network bound to this rank's shards of a fixed mini-batch size.
///
/// Passes allocate nothing; one thread at a time drives a replica.
package final class Replica {
  package let architecture: Architecture
  package let parameterLayout: ParameterLayout
  /// The division of a training micro-batch.
  package let trainingLayout: ShardLayout
  /// The division of an evaluation batch.
  package let evaluationLayout: ShardLayout
  /// The BN groups of a training micro-batch.
  package var division: NormalizationGroups { workspace.groups }
  let workspace: Workspace
  private let trainingPlan: Plan?
  private let evaluationPlan: Plan
  private let team: ThreadTeam

  /// Elements of the weights region that are complete after each layer's backward pass.
  private let completedWeights: [Int]
  private let observers: [any PassObserver]

  /// Compiles a network and takes its memory; see `ReplicaPlans` for the parameters that are not here.
  ///
  /// - Parameters:
  ///   - gradients: memory for this rank's tree nodes; nil takes its own.
  ///   - observers: hear of each layer of training passes, in this order.
  ///   - other: whose parameters and running statistics are this replica's too: the same network,
  ///     compiled for images of another shape. Nil takes memory of its own.
  package convenience init(
    _ architecture: Architecture, training: ShardLayout?, evaluation: ShardLayout, threads: Int = 1,
    division: NormalizationGroups? = nil,
    exchange: any StatisticsExchange, gradients: (any GradientMemory)? = nil,
    options: Plan.Options = .init(), observers: [any PassObserver] = [],
    sharing other: Replica? = nil
  ) {
    self.init(
      ReplicaPlans(
        architecture, training: training, evaluation: evaluation, threads: threads,
        division: division, options: options),
      exchange: exchange, gradients: gradients, observers: observers, sharing: other)
  }

  /// Takes the memory of plans.
  package init(
    _ plans: ReplicaPlans, exchange: any StatisticsExchange,
    gradients: (any GradientMemory)? = nil, observers: [any PassObserver] = [],
    sharing other: Replica? = nil
  ) {
    architecture = plans.architecture
    self.observers = observers
    let parameters = plans.parameters
    parameterLayout = parameters
    trainingLayout = plans.trainingLayout ?? plans.evaluationLayout
    evaluationLayout = plans.evaluationLayout
    team = ThreadTeam(threads: plans.threads)
    (evaluationPlan, trainingPlan) = (plans.evaluation, plans.training)
    for plan in plans.all { for layer in plan.layers { layer.allocate() } }
    let layers = trainingPlan?.layers ?? []
    completedWeights = Self.completedWeights(layers, of: parameters.weights.count)
    precondition(
      other.map { $0.parameterLayout.count == parameters.count } ?? true,
      "another network's parameters")
    workspace = Workspace(
      parameters, memory: other?.workspace.memory ?? ParameterMemory(parameters),
      size: .init(
        arenaBytes: plans.arenaBytes,
        statisticsWidth: evaluationPlan.statisticsWidth,
        lossSumsWidth: architecture.lossSumsCount, rowSets: evaluationPlan.rowSets,
        gradients: trainingPlan == nil
          ? GradientExtent(weights: 0, parameters: 0) : GradientExtent(parameters)),
      team: team, groups: plans.division, exchange: exchange, gradients: gradients)
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
  package var threads: Int { team.threads }

  /// Bytes of the arena that holds activations and their gradients.
  package var arenaBytes: Int { workspace.arena.count }

  /// He initialization, the same on every rank for the same seed.
  ///
  /// - Parameter zeroResidual: whether the last γ of each residual block begins as 0, so that the block
  ///   begins as its shortcut (Goyal et al. 2017, §5.1).
  package func initialize(seed: UInt64, zeroResidual: Bool = false) {
    let zeroScales = zeroResidual ? architecture.residualNormalizations.map { "\($0).weight" } : []
    Initialization.fill(
      parameterLayout, seed: seed, zeroScales: Set(zeroScales), parameters: workspace.parameters,
      runningStatistics: workspace.runningStatistics)
  }

  // MARK: Passes

  /// Forward and backward over this rank's images of one micro-batch.
  ///
  /// Afterwards the weights region of `gradients` holds the sums over this rank's tree nodes
  /// (`gradientNodes`) of this micro-batch, still to be combined over ranks and micro-batches. After the
  /// last micro-batch the normalization region holds the sums over all ranks and micro-batches.
  /// - Parameters:
  ///   - images: [local images, H, W, C].
  ///   - targets: of the same images.
  ///   - microBatch: which one of the mini-batch this is; they come in order.
  ///   - didForward: called between the two passes.
  /// - Returns: the losses' sums, [local shards, `Architecture.lossSumsCount`], until the next pass.
  /// - Throws: what the exchange throws.
  package func trainingPass(
    images: UnsafePointer<Float>, targets: Targets, microBatch: MicroBatchIndex = .whole,
    didForward: () -> Void = {}
  ) throws -> UnsafeBufferPointer<Double> {
    guard let plan = trainingPlan else {
      preconditionFailure("this replica was made for evaluation only")
    }
    var pass = PassContext(
      workspace: workspace, mode: .training, layout: trainingLayout, microBatch: microBatch,
      images: images, targets: targets)
    workspace.normalizationSums.begin()
    try forward(plan, &pass)
    didForward()
    var completed = 0
    for (index, layer) in plan.layers.enumerated().reversed() {
      pass.scratch = plan.scratch(index, .backward)
      try observe(index, backward: true) { try layer.backward(pass) }
      if completedWeights[index] > completed {
        completed = completedWeights[index]
        for observer in observers { try observer.didComplete(weightGradients: completed) }
      }
    }
    try workspace.normalizationSums.finish(pass)
    return lossSums
  }

  /// Forward over this rank's images of one evaluation batch, with running statistics.
  ///
  /// - Parameter batch: global images in this batch, at most the evaluation layout's.
  /// - Returns: as `trainingPass`.
  package func evaluationPass(
    images: UnsafePointer<Float>, targets: Targets, batch: Int
  ) throws -> UnsafeBufferPointer<Double> {
    var pass = evaluation(images, targets, batch)
    try forward(evaluationPlan, &pass)
    return lossSums
  }

  /// Forward over this rank's images of one evaluation batch, with running statistics and without
  /// targets.
  ///
  /// - Parameter batch: global images in this batch, at most the evaluation layout's.
  /// - Returns: class scores, [local images, positions, classes], until the next pass.
  package func scoringPass(
    images: UnsafePointer<Float>, batch: Int
  ) throws -> UnsafeBufferPointer<Float> {
    var pass = evaluation(images, nil, batch)
    try forward(evaluationPlan, &pass)
    return evaluationLogits
  }

  private func evaluation(
    _ images: UnsafePointer<Float>, _ targets: Targets?, _ batch: Int
  ) -> PassContext {
    PassContext(
      workspace: workspace, mode: .evaluation, layout: evaluationLayout.shortened(to: batch),
      microBatch: .whole, images: images, targets: targets)
  }

  /// Forward over this rank's images of a whole evaluation batch, normalized by the batch's own
  /// statistics as in training; nothing is learned.
  ///
  /// - Returns: the batch's means and unbiased variances, in the running statistics' order and the
  ///   same on every rank, until the next pass.
  package func statisticsPass(
    images: UnsafePointer<Float>
  ) throws -> UnsafeBufferPointer<Double> {
    precondition(division.layout == evaluationLayout && division.groups.count == 1)
    precondition(parameterLayout.frozen.isEmpty, "frozen layers take no statistics")
    var pass = PassContext(
      workspace: workspace, mode: .training, layout: evaluationLayout, microBatch: .whole,
      images: images, targets: nil)
    workspace.normalizationSums.begin()
    try forward(evaluationPlan, &pass)
    return UnsafeBufferPointer(
      start: workspace.normalizationSums.statistics(ofGroup: 0)!,
      count: parameterLayout.runningStatisticsCount)
  }

  private func forward(_ plan: Plan, _ pass: inout PassContext) throws {
    images = pass.layout.localPositions.count
    for (index, layer) in plan.layers.enumerated() {
      if layer.needsTargets, pass.targets == nil { continue }
      pass.scratch = plan.scratch(index, .forward)
      if pass.mode == .training {
        try observe(index, backward: false) { try layer.forward(pass) }
      } else {
        try layer.forward(pass)
      }
    }
  }

  private func observe(_ layer: Int, backward: Bool, _ body: () throws -> Void) throws {
    for observer in observers { try observer.willRun(layer: layer, backward: backward) }
    try body()
    for observer in observers { try observer.didRun(layer: layer, backward: backward) }
  }

  // MARK: Results

  /// Images of the last pass on this rank.
  private var images = 0

  private var lossSums: UnsafeBufferPointer<Double> {
    UnsafeBufferPointer(workspace.lossSums.elements)
  }

  /// An output of the last evaluation pass, [local images, H, W, C].
  package func evaluationOutput(_ index: Int) -> UnsafeBufferPointer<Float> {
    output(evaluationPlan.outputs[index])
  }

  /// An output of the last training pass, [local images, H, W, C].
  package func trainingOutput(_ index: Int) -> UnsafeBufferPointer<Float> {
    output(trainingPlan!.outputs[index])
  }

  /// Class scores of the last evaluation pass, [local images, positions, classes].
  package var evaluationLogits: UnsafeBufferPointer<Float> { evaluationOutput(0) }

  /// Class scores of the last training pass, [local images, classes].
  package var trainingLogits: UnsafeBufferPointer<Float> { trainingOutput(0) }

  private func output(_ slot: TensorSlot) -> UnsafeBufferPointer<Float> {
    guard case .arena(let offset) = slot.memory else {
      preconditionFailure("the input is no output")
    }
    return UnsafeBufferPointer(
      start: workspace.floats(at: offset), count: images * slot.rows.perImage * slot.shape.count)
  }

  // MARK: Flat buffers

  // Views into the replica's memory: they end with it, so a caller holds the replica while it reads
  // them (`withExtendedLifetime` where the view is the replica's last use).

  /// Parameters in the layout's order.
  package var parameters: UnsafeMutableBufferPointer<Float> { workspace.memory.parameters.elements }

  /// BN running statistics in the layout's order.
  package var runningStatistics: UnsafeMutableBufferPointer<Float> {
    workspace.memory.runningStatistics.elements
  }

  /// This rank's gradients in the layout's order: of its first tree node in the weights region, of the
  /// whole mini-batch in the normalization region.
  package var gradients: UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(
      start: workspace.nodeGradient(0), count: parameterLayout.trainedCount)
  }

  /// The weights' gradients of the whole mini-batch, once a reduction has summed them.
  package var weightGradientSum: UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(start: workspace.gradients.sum, count: parameterLayout.weights.count)
  }

  /// The normalization's gradients of the whole mini-batch, after its last training pass.
  package var normalizationGradients: UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(rebasing: gradients[parameterLayout.normalization])
  }

  /// The tree nodes that this rank's shards make up, and the weights region of each one's gradient.
  /// The first node's is in `gradients`.
  package var gradientNodes: [(shards: Range<Int>, weights: UnsafeMutableBufferPointer<Float>)] {
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
  package var firstParameterWithoutFiniteGradient: String? {
    let normalization = parameterLayout.normalization
    let isFinite =
      Elementwise.isFinite(weightGradientSum.baseAddress!, count: weightGradientSum.count)
      && Elementwise.isFinite(
        normalizationGradients.baseAddress!, count: normalizationGradients.count)
    if isFinite { return nil }
    return parameterLayout.slots.first { slot in
      if slot.isFrozen { return false }
      let gradient =
        normalization.contains(slot.range.lowerBound)
        ? UnsafePointer(workspace.nodeGradient(0)) : weightGradientSum.baseAddress!
      return !Elementwise.isFinite(gradient + slot.range.lowerBound, count: slot.range.count)
    }?.name
  }
}
