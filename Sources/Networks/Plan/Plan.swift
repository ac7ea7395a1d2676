/// An architecture compiled for a batch size: layers with every activation's place decided.

import Kernels
import Tensors

/// The layers in execution order and the memory they need.
struct Plan {
  let layers: [any PlannedLayer]
  let logits: Place
  /// Elements of the arena.
  let arena: Int
  /// Doubles of a normalization's statistics, at most.
  let statisticsWidth: Int
  /// Where each layer's passes work.
  private let forwardScratch: [PassScratch.Places]
  private let backwardScratch: [PassScratch.Places]

  /// Compiles `architecture`.
  ///
  /// The timeline has a step for each layer forward, one for the loss, and, in training, one for each
  /// layer backward. A value's block lives from the step that writes it to the last that reads it, a
  /// pass's scratch for its step.
  /// - Parameters:
  ///   - images: the most images this rank holds at once.
  ///   - mode: training plans keep what the backward pass reads and have places for gradients.
  ///   - threads: of this rank.
  ///   - division: the BN groups of training.
  ///   - labelSmoothing: of the loss.
  ///   - fuse: whether normalizations take in what follows them, and convolutions the normalizations'
  ///     passes.
  ///   - recomputesFrom: elements of an image's activations from which on they may be computed again.
  init(
    _ architecture: Architecture, parameters: ParameterLayout, images: Int, mode: PassMode,
    threads: Int, division: StatisticsDivision, labelSmoothing: Double = 0, fuse: Bool = true,
    recomputesFrom leastCount: Int = Recomputation.leastCount
  ) {
    let operations = Fusion.operations(architecture, enabled: fuse)
    let fusion = BlockFusion(operations, architecture.nodes, enabled: fuse)
    let recomputation = Recomputation(
      operations, architecture.nodes, enabled: fuse,
      leastCount: mode == .training ? leastCount : nil)
    var memory = PlanMemory(
      nodes: architecture.nodes, operations: operations, fusion: fusion,
      recomputation: recomputation, images: images, training: mode == .training)
    memory.reserve()
    let places = memory.places()
    var normalizations: [BatchNormalizationLayer?] = []
    /// Where the layers behind find the value of `node`.
    func source(_ node: Int) -> ActivationSource {
      recomputation.writer(of: node).flatMap { normalizations[$0] }.map { .normalized($0) }
        ?? .stored(places.value(node))
    }
    for index in operations.indices {
      normalizations.append(
        Self.normalization(
          index, operations, fusion, recomputation.storage(of: index), source,
          gradients: memory.targets[index], architecture, parameters, places, division))
    }
    let steps = operations.indices.map { index in
      normalizations[index]
        ?? Self.layer(
          index, operations, fusion, normalizations, source, gradients: memory.targets[index],
          architecture, parameters, places, images: images)
    }
    let output = operations[operations.count - 1].output
    logits = places.value(output)
    let loss = LossLayer(
      logits: logits, logitsGradient: places.gradient(output), labelSmoothing: labelSmoothing)
    let layers = steps + [loss]
    self.layers = layers
    for step in steps { (step as? ConvolutionLayer)?.planScratch(images: images) }
    let rows = ShardGradientRows(division.layout, inOrder: threads == 1)
    func scratchPlaces(_ direction: PassDirection) -> [PassScratch.Places] {
      memory.places(
        layers.map { $0.scratch(images: images, direction) }, direction, threads: threads,
        shardGradients: rows.scratchRows)
    }
    backwardScratch = mode == .training ? scratchPlaces(.backward) : []
    forwardScratch = scratchPlaces(.forward)
    arena = memory.size
    statisticsWidth = 2 * (architecture.nodes.map(\.shape.channels).max() ?? 0)
  }

  /// Where a pass of layer `index` works.
  func scratch(_ index: Int, _ direction: PassDirection) -> PassScratch.Places {
    direction == .forward ? forwardScratch[index] : backwardScratch[index]
  }

  /// The layer of operation `index`, if that is a normalization.
  private static func normalization(
    _ index: Int, _ operations: [FusedOperation], _ fusion: BlockFusion,
    _ storage: Recomputation.Storage, _ source: (Int) -> ActivationSource,
    gradients: [PlanMemory.Target?], _ architecture: Architecture, _ parameters: ParameterLayout,
    _ places: PlanMemory.Places, _ division: StatisticsDivision
  ) -> BatchNormalizationLayer? {
    let operation = operations[index]
    let node = architecture.nodes[operation.node]
    guard node.operation == .batchNormalization else { return nil }
    guard let statistics = parameters.runningStatistics.first(where: { $0.name == node.name })
    else { preconditionFailure("no running statistics for \(node.name)") }
    let addend = operation.epilogue.contains(.add) ? operation.inputs[1] : nil
    var delegation: BatchNormalizationLayer.Delegation = []
    if fusion.producer(of: index) != nil { delegation.insert(.toProducer) }
    if fusion.hasReader(index) { delegation.insert(.toReader) }
    return BatchNormalizationLayer(
      name: node.name, input: places.value(operation.inputs[0]), addend: addend.map(source),
      output: places.storedValue(operation.output), storage: storage, epilogue: operation.epilogue,
      scale: parameters.slot("\(node.name).weight").range,
      shift: parameters.slot("\(node.name).bias").range, statistics: statistics,
      outputGradient: places.gradient(operation.output),
      inputGradient: places.target(gradients[0]),
      addendGradient: addend == nil ? nil : places.target(gradients[1]), delegation: delegation,
      division: division)
  }

  /// The layer of operation `index`, which is no normalization.
  private static func layer(
    _ index: Int, _ operations: [FusedOperation], _ fusion: BlockFusion,
    _ normalizations: [BatchNormalizationLayer?], _ source: (Int) -> ActivationSource,
    gradients: [PlanMemory.Target?], _ architecture: Architecture, _ parameters: ParameterLayout,
    _ places: PlanMemory.Places, images: Int
  ) -> any PlannedLayer {
    let operation = operations[index]
    let node = architecture.nodes[operation.node]
    let input = places.value(operation.inputs[0])
    let output = places.value(operation.output)
    let outputGradient = places.gradient(operation.output)
    let inputGradient = places.target(gradients[0])
    switch node.operation {
    case .input, .batchNormalization: preconditionFailure("the input is no step")
    case .convolution(let geometry):
      let neighbours = fusion.neighbours[index]
      return ConvolutionLayer(
        name: node.name, geometry: geometry, source: source(operation.inputs[0]), output: output,
        weights: parameters.slot("\(node.name).weight").range,
        following: neighbours.following.flatMap { normalizations[$0] },
        preceding: neighbours.preceding.flatMap { normalizations[$0] },
        outputGradient: outputGradient, inputGradient: inputGradient)
    case .relu:
      return ReLULayer(
        name: node.name, input: input, output: output, outputGradient: outputGradient,
        inputGradient: inputGradient)
    case .add:
      return ShortcutAddLayer(
        name: node.name, first: input, second: places.value(operation.inputs[1]), output: output,
        outputGradient: outputGradient, firstGradient: inputGradient,
        secondGradient: places.target(gradients[1]))
    case .zeroPaddedShortcut(let stride):
      return ZeroPaddedShortcutLayer(
        name: node.name, stride: stride, input: input, output: output,
        outputGradient: outputGradient, inputGradient: inputGradient)
    case .maxPooling(let geometry):
      return MaxPoolingLayer(
        name: node.name, geometry: geometry, source: source(operation.inputs[0]), output: output,
        outputGradient: outputGradient, inputGradient: inputGradient, images: images)
    case .globalAveragePooling:
      return GlobalAveragePoolingLayer(
        name: node.name, input: input, output: output, outputGradient: outputGradient,
        inputGradient: inputGradient)
    case .averagePooling(let geometry):
      return AveragePoolingLayer(
        name: node.name, geometry: geometry, input: input, output: output)
    case .fullyConnected:
      return FullyConnectedLayer(
        name: node.name, input: input, output: output,
        weights: parameters.slot("\(node.name).weight").range,
        bias: parameters.slot("\(node.name).bias").range, outputGradient: outputGradient,
        inputGradient: inputGradient)
    }
  }
}
