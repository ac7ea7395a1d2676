/// The lifetimes of a plan's values and gradients, and the places that follow from them.

import Kernels
import Tensors

/// Works out when each value and gradient is alive and has the arena planned.
struct PlanMemory {
  /// How an operation leaves one input's gradient.
  struct Target {
    let node: Int
    let accumulate: Bool
  }

  /// Where everything ended up.
  struct Places {
    fileprivate let nodes: [Architecture.Node]
    fileprivate let offsets: [Int]
    fileprivate let valueBlocks: [Int?]
    fileprivate let gradientBlocks: [Int?]

    /// Nil where the value is never stored.
    func storedValue(_ node: Int) -> Place? {
      node == 0 || valueBlocks[node] != nil ? value(node) : nil
    }

    func value(_ node: Int) -> Place {
      Place(offset: valueBlocks[node].map { offsets[$0] }, shape: nodes[node].shape)
    }

    func gradient(_ node: Int) -> Place? {
      gradientBlocks[node].map { Place(offset: offsets[$0], shape: nodes[node].shape) }
    }

    func target(_ target: Target?) -> GradientTarget? {
      guard let target, let place = gradient(target.node) else { return nil }
      return GradientTarget(place: place, accumulate: target.accumulate)
    }
  }

  private let nodes: [Architecture.Node]
  private let operations: [FusedOperation]
  private let fusion: BlockFusion
  private let recomputation: Recomputation
  private let images: Int
  private let training: Bool
  private var planner = ArenaPlanner()
  private var valueBlocks: [Int?]
  private var gradientBlocks: [Int?]
  /// For each operation, how it leaves its inputs' gradients; nil where nothing is to be left.
  private(set) var targets: [[Target?]]

  init(
    nodes: [Architecture.Node], operations: [FusedOperation], fusion: BlockFusion,
    recomputation: Recomputation, images: Int, training: Bool
  ) {
    self.nodes = nodes
    self.operations = operations
    self.fusion = fusion
    self.recomputation = recomputation
    self.images = images
    self.training = training
    valueBlocks = Array(repeating: nil, count: nodes.count)
    gradientBlocks = valueBlocks
    targets = operations.map { Array(repeating: nil, count: $0.inputs.count) }
  }

  private var lossStep: Int { operations.count }
  private func backwardStep(_ operation: Int) -> Int { 2 * operations.count - operation }
  private func count(_ node: Int) -> Int { images * nodes[node].shape.count }

  mutating func reserve() {
    reserveValues()
    if training { reserveGradients() }
  }

  /// Elements of the arena.
  var size: Int { planner.size }

  /// Places the values and gradients.
  mutating func places() -> Places {
    planner.place()
    return Places(
      nodes: nodes, offsets: planner.offsets, valueBlocks: valueBlocks,
      gradientBlocks: gradientBlocks)
  }

  /// Places what each operation's pass in one direction works in, where values and gradients leave room.
  ///
  /// - Parameters:
  ///   - threads: of the rank.
  ///   - shardGradients: rows for the shards' weight gradients.
  mutating func places(
    _ passes: [PassScratch], _ direction: PassDirection, threads: Int, shardGradients: Int
  ) -> [PassScratch.Places] {
    let blocks = passes.enumerated().map { index, pass in
      let step = direction == .forward ? index : backwardStep(index)
      let counts = [
        threads * CacheLine.whole(floats: pass.perThread), pass.preparedWeights,
        shardGradients * CacheLine.whole(floats: pass.shardGradient),
      ]
      return counts.map { planner.reserve(count: $0, lifetime: step...step) }
    }
    planner.place()
    return zip(passes, blocks).map { pass, blocks in
      let offsets = blocks.map { planner.offsets[$0] }
      return PassScratch.Places(
        threads: offsets[0], perThread: CacheLine.whole(floats: pass.perThread),
        preparedWeights: offsets[1], shardGradients: offsets[2],
        perShardGradient: CacheLine.whole(floats: pass.shardGradient))
    }
  }

  private mutating func reserveValues() {
    for (step, operation) in operations.enumerated() {
      for (index, input) in operation.inputs.enumerated() {
        keep(input, for: .forward, to: step)
        if fusion.hasReader(step) {
          // Read where the convolution behind writes the output.
          keep(input, for: .forward, to: step + 1)
        }
        if training, readsInputBackward(operation, index) {
          keep(input, for: .backward, to: backwardStep(step))
        }
        if training, index == 0, let producer = fusion.producer(of: step) {
          keep(input, for: .backward, to: backwardStep(producer))
        }
      }
      if recomputation.storage(of: step) != .never {
        valueBlocks[operation.output] = planner.reserve(
          count: count(operation.output), lifetime: step...step)
      }
      if training, readsOutputBackward(operation) {
        keep(operation.output, for: .backward, to: backwardStep(step))
      }
    }
    if let logits = operations.last.flatMap({ valueBlocks[$0.output] }) {
      // Readable when the pass is over.
      planner.extend(logits, to: training ? backwardStep(0) : lossStep)
    }
  }

  /// Makes what a pass reads for the value of `node` live during `step`.
  private mutating func keep(_ node: Int, for direction: PassDirection, to step: Int) {
    for stored in recomputation.storedValues(of: node, in: direction) {
      if let block = valueBlocks[stored] { planner.extend(block, to: step) }
    }
  }

  private mutating func reserveGradients() {
    let logits = operations[operations.count - 1].output
    gradientBlocks[logits] = planner.reserve(
      count: count(logits), lifetime: lossStep...lossStep)
    for (index, operation) in operations.enumerated().reversed() {
      let step = backwardStep(index)
      let outputGradient = fusion.neighbours[index].following.map { operations[$0].output }
      guard let own = gradientBlocks[outputGradient ?? operation.output] else { continue }
      planner.extend(own, to: step)
      if let producer = fusion.producer(of: index) {
        planner.extend(own, to: backwardStep(producer))
      }
      for (position, input) in operation.inputs.enumerated() where input != 0 {
        if position == 0, fusion.producer(of: index) != nil { continue }
        if let block = gradientBlocks[input] {
          planner.extend(block, to: step)
          targets[index][position] = Target(node: input, accumulate: true)
        } else if takesOverOutputGradient(operation, position) {
          gradientBlocks[input] = own
          // The masked gradient already stands where the addend's gradient is expected.
          let isAddend = operation.epilogue.contains(.add)
          targets[index][position] = isAddend ? nil : Target(node: input, accumulate: false)
        } else {
          gradientBlocks[input] = planner.reserve(count: count(input), lifetime: step...step)
          targets[index][position] = Target(node: input, accumulate: false)
        }
      }
    }
  }

  /// Whether the gradient of an input may stand in the output gradient's memory: a normalization's
  /// passes are element by element, so dx (or, with an addend, the addend's gradient) overwrites dy.
  private func takesOverOutputGradient(_ operation: FusedOperation, _ position: Int) -> Bool {
    guard nodes[operation.node].operation == .batchNormalization else { return false }
    return position == (operation.epilogue.contains(.add) ? 1 : 0)
  }

  private func readsInputBackward(_ operation: FusedOperation, _ position: Int) -> Bool {
    switch nodes[operation.node].operation {
    case .convolution, .fullyConnected: true
    case .batchNormalization: position == 0
    default: false
    }
  }

  private func readsOutputBackward(_ operation: FusedOperation) -> Bool {
    nodes[operation.node].operation == .relu || operation.epilogue.contains(.relu)
  }
}
