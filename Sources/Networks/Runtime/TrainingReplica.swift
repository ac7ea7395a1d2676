/// A replica that is trained: gradients, and the passes that make them.

import Kernels
import Tensors

/// A network bound to this rank's shards of a fixed mini-batch size.
package final class TrainingReplica: Replica {
  /// The division of a training micro-batch.
  package let trainingLayout: ShardLayout
  private let plan: Plan
  /// Elements of the weights region that are complete after each layer's backward pass.
  private let completedWeights: [Int]
  private let observers: [any PassObserver]
  /// The number by which observers know the first layer.
  private let firstLayer: Int

  /// Compiles a network and takes its memory; see `ReplicaPlans` for the parameters that are not here.
  ///
  /// - Parameters:
  ///   - gradients: memory for this rank's tree nodes; nil takes its own.
  ///   - observers: hear of each layer of training passes, in this order.
  ///   - other: whose parameters and gradients are this replica's too; see `Replica`. Its observers know
  ///     the layers already: this network's are its last ones.
  package init(
    _ architecture: Architecture, training: ShardLayout, evaluation: ShardLayout,
    threads: Int = 1, division: NormalizationGroups? = nil, exchange: any StatisticsExchange,
    gradients: (any GradientMemory)? = nil, options: Plan.Options = .init(),
    observers: [any PassObserver] = [], sharing other: TrainingReplica? = nil
  ) {
    let plans = ReplicaPlans(
      architecture, training: training, evaluation: evaluation, threads: threads,
      division: division, options: options)
    guard let plan = plans.training else { preconditionFailure("plans for training have one") }
    self.plan = plan
    self.observers = observers
    trainingLayout = training
    firstLayer = (other?.plan.layers.count ?? plan.layers.count) - plan.layers.count
    completedWeights = Self.completedWeights(plan.layers, of: plans.parameters.weights.count)
    super.init(
      plans, exchange: exchange, gradients: gradients ?? other?.workspace.gradients,
      extent: GradientExtent(plans.parameters), sharing: other)
    if let other {
      precondition(
        plan.layers.map(\.name) == other.plan.layers.dropFirst(firstLayer).map(\.name),
        "another network's layers")
      return
    }
    let descriptions = plan.layers.map { LayerDescription($0) }
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
  ///   - gradient: where the only tree node's gradient of the weights is left; nil: in `gradients`.
  ///   - didForward: called between the two passes.
  /// - Returns: the losses' sums, [local shards, `Architecture.lossSumsCount`], until the next pass.
  /// - Throws: what the exchange throws.
  package func trainingPass(
    images: UnsafePointer<Float>, targets: Targets, microBatch: MicroBatchIndex = .whole,
    gradient: MutableVectorView<Float>? = nil, didForward: () -> Void = {}
  ) throws -> UnsafeBufferPointer<Double> {
    if let gradient { workspace.nodeGradients = [gradient.elements.baseAddress!] }
    var pass = PassContext(
      workspace: workspace, mode: .training, layout: trainingLayout, microBatch: microBatch,
      images: images, targets: targets)
    workspace.normalizationSums.begin()
    self.images = pass.layout.localPositions.count
    for (index, layer) in plan.layers.enumerated() {
      pass.scratch = plan.scratch(index, .forward)
      try observe(index, backward: false) { try layer.forward(pass) }
    }
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

  /// Forward as in training over this rank's images of one micro-batch, where nothing is learned.
  ///
  /// - Parameter batch: global images in this micro-batch, at most the training layout's.
  /// - Returns: the last output, [local images, H, W, C], until the next pass; what the layers of a
  ///   `trainingPass` compute, to the last bit.
  package func forwardPass(
    images: UnsafePointer<Float>, batch: Int
  ) throws -> UnsafeBufferPointer<Float> {
    var pass = PassContext(
      workspace: workspace, mode: .training, layout: trainingLayout.shortened(to: batch),
      microBatch: .whole, images: images, targets: nil)
    workspace.normalizationSums.begin()
    try forward(plan, &pass)
    return trainingOutput(plan.outputs.count - 1)
  }

  private func observe(_ layer: Int, backward: Bool, _ body: () throws -> Void) throws {
    let number = firstLayer + layer
    for observer in observers { try observer.willRun(layer: number, backward: backward) }
    try body()
    for observer in observers { try observer.didRun(layer: number, backward: backward) }
  }

  // MARK: Results

  /// An output of the last training pass, [local images, H, W, C].
  package func trainingOutput(_ index: Int) -> UnsafeBufferPointer<Float> {
    output(plan.outputs[index])
  }

  /// Class scores of the last training pass, [local images, classes].
  package var trainingLogits: UnsafeBufferPointer<Float> { trainingOutput(0) }

  /// This rank's gradients in the layout's order: of its first tree node in the weights region, of the
  /// whole mini-batch in the normalization region.
  package var gradients: UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(
      start: workspace.nodeGradient(0), count: parameterLayout.trainedCount)
  }

  /// The weights' gradients of the whole mini-batch, once a reduction has summed them.
  package var weightGradientSum: UnsafeBufferPointer<Float> {
    workspace.gradients.sum.elements
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
