/// One rank's copy of the network: flat parameters, and evaluation over its shards.

import Kernels
import Tensors
import Threads

/// A network bound to this rank's shards of a fixed batch size. `TrainingReplica` can be trained, too.
///
/// Passes allocate nothing; one thread at a time drives a replica.
package class Replica {
  package final let architecture: Architecture
  package final let parameterLayout: ParameterLayout
  /// The division of an evaluation batch.
  package final let evaluationLayout: ShardLayout
  /// The BN groups of a training micro-batch, or of the whole batch where there is no training.
  package final var division: NormalizationGroups { workspace.groups }
  final let workspace: Workspace
  private final let evaluationPlan: Plan
  private final let team: ThreadTeam

  /// Compiles a network for evaluation and takes its memory; see `ReplicaPlans`.
  ///
  /// - Parameter other: whose parameters and running statistics are this replica's too, and whose memory
  ///   for activations, where that is large enough: the same network, compiled for images of another
  ///   shape, or one that this network is a part of. Passes of the two do not overlap. Nil takes memory of
  ///   its own.
  package convenience init(
    _ architecture: Architecture, evaluation: ShardLayout, threads: Int = 1,
    exchange: any StatisticsExchange, sharing other: Replica? = nil
  ) {
    precondition(
      other.map { $0.parameterLayout.hasParameters(of: ParameterLayout(architecture)) } ?? true,
      "another network's parameters")
    // Alone, nothing is trained, and nothing frozen.
    var architecture = architecture
    architecture.frozen = other?.architecture.frozen ?? []
    self.init(
      ReplicaPlans(
        architecture, training: nil, evaluation: evaluation, threads: threads,
        parameters: other?.parameterLayout),
      exchange: exchange, gradients: nil, extent: GradientExtent(weights: 0, parameters: 0),
      sharing: other)
  }

  /// Takes the memory of plans.
  ///
  /// - Parameter extent: gradients that there is memory for, where `gradients` brings none.
  init(
    _ plans: ReplicaPlans, exchange: any StatisticsExchange, gradients: (any GradientMemory)?,
    extent: GradientExtent, sharing other: Replica?
  ) {
    architecture = plans.architecture
    let parameters = plans.parameters
    parameterLayout = parameters
    evaluationLayout = plans.evaluationLayout
    team = ThreadTeam(threads: plans.threads)
    evaluationPlan = plans.evaluation
    precondition(
      other.map { $0.parameterLayout.contains(parameters) } ?? true, "parameters in other places")
    workspace = Workspace(
      parameters,
      size: .init(
        arenaBytes: plans.arenaBytes, statisticsWidth: evaluationPlan.statisticsWidth,
        lossSumsWidth: architecture.lossSumsCount, rowSets: evaluationPlan.rowSets,
        gradients: extent),
      team: team, groups: plans.division, exchange: exchange, gradients: gradients,
      sharing: other?.workspace)
  }

  /// Threads that this replica works with.
  package final var threads: Int { team.threads }

  /// Bytes of the arena that holds activations and their gradients.
  package final var arenaBytes: Int { workspace.arena.bytes.count }

  /// He initialization, the same on every rank for the same seed.
  ///
  /// - Parameter zeroResidual: whether the last γ of each residual block begins as 0, so that the block
  ///   begins as its shortcut (Goyal et al. 2017, §5.1).
  package final func initialize(seed: UInt64, zeroResidual: Bool = false) {
    let zeroScales = zeroResidual ? architecture.residualNormalizations.map { "\($0).weight" } : []
    Initialization.fill(
      parameterLayout, seed: seed, zeroScales: Set(zeroScales),
      parameters: workspace.memory.parameters.view,
      runningStatistics: workspace.memory.runningStatistics.view)
  }

  // MARK: Passes

  /// Forward over this rank's images of one evaluation batch, with running statistics.
  ///
  /// - Parameter batch: global images in this batch, at most the evaluation layout's.
  /// - Returns: as `trainingPass`.
  package final func evaluationPass(
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
  package final func scoringPass(
    images: UnsafePointer<Float>, batch: Int
  ) throws -> UnsafeBufferPointer<Float> {
    var pass = evaluation(images, nil, batch)
    try forward(evaluationPlan, &pass)
    return evaluationLogits
  }

  private final func evaluation(
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
  package final func statisticsPass(
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

  final func forward(_ plan: Plan, _ pass: inout PassContext) throws {
    images = pass.layout.localPositions.count
    for (index, layer) in plan.layers.enumerated() {
      if layer.needsTargets, pass.targets == nil { continue }
      pass.scratch = plan.scratch(index, .forward)
      try layer.forward(pass)
    }
  }

  // MARK: Results

  /// Images of the last pass on this rank.
  final var images = 0

  final var lossSums: UnsafeBufferPointer<Double> {
    UnsafeBufferPointer(workspace.lossSums.elements)
  }

  /// An output of the last evaluation pass, [local images, H, W, C].
  package final func evaluationOutput(_ index: Int) -> UnsafeBufferPointer<Float> {
    output(evaluationPlan.outputs[index])
  }

  /// Rows of an output of the last evaluation pass, where the data decide how many there are, of one shard.
  package final func evaluationRows(_ index: Int, shard: Int = 0) -> Int {
    guard case .dynamic(let set, _) = evaluationPlan.outputs[index].rows else {
      preconditionFailure("the rows of an output are images")
    }
    return workspace.dynamicRows(set: set, shard: shard).pointee
  }

  /// What the classifier read in the last evaluation pass, [local images, H, W, C], of a network
  /// `withFeatures`.
  package final var evaluationFeatures: UnsafeBufferPointer<Float> {
    evaluationOutput(evaluationPlan.outputs.count - 1)
  }

  /// Class scores of the last evaluation pass, [local images, positions, classes].
  package final var evaluationLogits: UnsafeBufferPointer<Float> { evaluationOutput(0) }

  final func output(_ slot: TensorSlot) -> UnsafeBufferPointer<Float> {
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
  package final var parameters: UnsafeMutableBufferPointer<Float> {
    workspace.memory.parameters.elements
  }

  /// BN running statistics in the layout's order.
  package final var runningStatistics: UnsafeMutableBufferPointer<Float> {
    workspace.memory.runningStatistics.elements
  }
}
