/// An architecture compiled for a batch size: layers with all their memory.

import Kernels
import Tensors

/// The layers in execution order and the memory they need.
package struct Plan {
  let layers: [any PlannedLayer]
  /// The network's outputs.
  let outputs: [TensorSlot]
  /// Bytes of the arena.
  package let arenaBytes: Int
  /// Sets of rows that the data decide.
  let rowSets: Int
  /// Doubles of a normalization's statistics, at most.
  let statisticsWidth: Int
  /// Where each layer's passes work.
  private let forwardScratch: [PassScratch.Offsets]
  private let backwardScratch: [PassScratch.Offsets]

  /// What a plan may do to a network.
  package struct Options {
    /// Whether normalizations take in what follows them, and convolutions the normalizations' passes;
    /// false is for tests.
    package var fuses = true
    /// Elements of an image's activations from which on the backward pass may compute them again.
    package var rematerializesFrom = Rematerialize.leastCount

    package init() {}
  }

  /// Compiles `architecture`. Allocates no tensor memory, so that a plan can be made to learn what it
  /// needs.
  ///
  /// - Parameters:
  ///   - images: the most images this rank holds at once.
  ///   - mode: training plans keep what the backward pass reads and have memory for gradients.
  ///   - threads: of this rank.
  ///   - groups: the BN groups of training.
  package init(
    _ architecture: Architecture, parameters: ParameterLayout, images: Int, mode: PassMode,
    threads: Int, groups: NormalizationGroups, options: Options = .init()
  ) {
    var program = Program(architecture, images: images, mode: mode)
    program = Self.passes(architecture, parameters, options).reduce(program) { $1($0) }
    let layers = Lowering(
      program, parameters, groups, products: architecture.precision.products
    ).layers()
    self.layers = layers
    outputs = program.outputs.map { program.values[$0].slot! }
    let rows = ShardGradientRows(groups.layout, inOrder: threads == 1)
    let saved = program.placeSaved(layers.map(\.savedBytes))
    func scratch(_ direction: PassDirection) -> [PassScratch.Offsets] {
      program.placeScratch(
        layers.map { $0.scratch(direction) }, saved: saved, direction, threads: threads,
        shardGradients: rows.scratchRows)
    }
    backwardScratch = mode == .training ? scratch(.backward) : []
    forwardScratch = scratch(.forward)
    arenaBytes = program.arena.bytes
    rowSets = Self.rowSets(program)
    statisticsWidth = 2 * (architecture.nodes.map(\.shape.channels).max() ?? 0)
  }

  private static func rowSets(_ program: Program) -> Int {
    var sets = 0
    for value in program.values {
      switch value.rows {
      case .images: break
      case .dynamic(let set, _): sets = max(sets, set + 1)
      }
    }
    return sets
  }

  /// The passes of compilation, in order.
  private static func passes(
    _ architecture: Architecture, _ parameters: ParameterLayout, _ options: Options
  ) -> [any ProgramPass] {
    let elements = ChooseElements(activations: architecture.precision.activations)
    guard options.fuses else {
      return [DropUnused(), elements, MarkGradients(parameters), PlanMemory()]
    }
    return [
      DropUnused(), elements, FuseNormalizations(), MarkGradients(parameters), FuseBlocks(),
      Rematerialize(leastCount: options.rematerializesFrom), PlanMemory(),
    ]
  }

  /// Where a pass of layer `index` works.
  func scratch(_ index: Int, _ direction: PassDirection) -> PassScratch.Offsets {
    direction == .forward ? forwardScratch[index] : backwardScratch[index]
  }
}
