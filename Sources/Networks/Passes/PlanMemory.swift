/// The lifetimes of a program's values and gradients, and the memory that follows from them.

import Kernels
import Tensors

/// Gives each stored value and each gradient a slot in the arena.
///
/// The timeline has a step for each step forward and, in training, for each step backward. A value's
/// block lives from the step that writes it to the last that reads it.
package struct PlanMemory: ProgramPass {
  package init() {}

  package func callAsFunction(_ program: Program) -> Program {
    var memory = MemoryPlan(program)
    memory.reserveValues()
    if program.mode == .training { memory.reserveGradients() }
    return memory.placed()
  }
}

extension Program {
  /// The time at which a step's backward pass runs; its forward pass runs at the step's index.
  func backwardTime(_ step: StepID) -> Int { 2 * steps.count - 1 - step }

  /// Gives each layer the bytes that it keeps from its forward to its backward pass.
  ///
  /// - Returns: where they are, in bytes from the arena's start.
  mutating func placeSaved(_ bytes: [Int]) -> [Int] {
    let blocks = bytes.enumerated().map { index, bytes in
      let last = mode == .training ? backwardTime(index) : index
      return arena.reserve(bytes: bytes, lifetime: index...last)
    }
    arena.place()
    return blocks.map { arena.offsets[$0] }
  }

  /// Gives each layer's pass in one direction its scratch, where values and gradients leave room.
  ///
  /// - Parameters:
  ///   - saved: from `placeSaved`.
  ///   - threads: of the rank.
  ///   - shardGradients: rows for the shards' weight gradients.
  mutating func placeScratch(
    _ scratch: [PassScratch], saved: [Int], _ direction: PassDirection, threads: Int,
    shardGradients: Int
  ) -> [PassScratch.Offsets] {
    let float = MemoryLayout<Float>.stride
    let blocks = scratch.enumerated().map { index, scratch in
      let time = direction == .forward ? index : backwardTime(index)
      let counts = [
        threads * CacheLine.whole(floats: scratch.perThread), scratch.preparedWeights,
        shardGradients * CacheLine.whole(floats: scratch.shardGradient),
      ]
      return counts.map { arena.reserve(bytes: float * $0, lifetime: time...time) }
    }
    arena.place()
    return scratch.enumerated().map { index, scratch in
      let offsets = blocks[index].map { arena.offsets[$0] }
      return PassScratch.Offsets(
        threads: offsets[0], perThread: CacheLine.whole(floats: scratch.perThread),
        preparedWeights: offsets[1], shardGradients: offsets[2],
        perShardGradient: CacheLine.whole(floats: scratch.shardGradient), saved: saved[index])
    }
  }
}

/// The arena's blocks of a program's values and gradients.
private struct MemoryPlan {
  private var program: Program
  private var arena = ArenaPlanner()
  /// By value.
  private var valueBlocks: [Int?]
  private var gradientBlocks: [Int?]
  /// By step and input: whether the gradient is added to what another step wrote; nil where none is
  /// left.
  private var accumulates: [[Bool?]]

  init(_ program: Program) {
    self.program = program
    valueBlocks = Array(repeating: nil, count: program.values.count)
    gradientBlocks = valueBlocks
    accumulates = program.steps.map { $0.inputs.map { _ in nil } }
  }

  private func slot(_ value: Program.ValueID, _ memory: TensorSlot.Memory) -> TensorSlot {
    let value = program.values[value]
    return TensorSlot(memory, shape: value.shape, rows: value.rows, element: value.element)
  }

  private mutating func reserve(_ value: Program.ValueID, at time: Int) -> Int {
    let bytes = slot(value, .batch).bytes(images: program.images)
    return arena.reserve(bytes: bytes, lifetime: time...time)
  }

  mutating func reserveValues() {
    let training = program.mode == .training
    for (index, step) in program.steps.enumerated() {
      let backwardReads = training ? program.backwardReads(step) : []
      for (position, input) in step.inputs.enumerated() {
        keep(input, for: .forward, to: index)
        if let reader = step.reader {
          // Read where the convolution after it writes the output.
          keep(input, for: .forward, to: reader)
        }
        if backwardReads.contains(.input(position)) {
          keep(input, for: .backward, to: program.backwardTime(index))
        }
        if training, position == 0, let producer = step.producer, program.hasBackward(step) {
          keep(input, for: .backward, to: program.backwardTime(producer))
        }
      }
      if program.values[step.output].storage != .never, !(step.operation is any Loss) {
        valueBlocks[step.output] = reserve(step.output, at: index)
      }
      let masksByOutput = step.isNormalization && step.epilogue.contains(.relu)
      if training, backwardReads.contains(.output) || masksByOutput && program.hasBackward(step) {
        keep(step.output, for: .backward, to: program.backwardTime(index))
      }
    }
    // Readable when the pass is over.
    let end = training ? 2 * program.steps.count - 1 : program.steps.count - 1
    for output in program.outputs {
      if let block = valueBlocks[output] { arena.extend(block, to: end) }
    }
  }

  /// Makes what a pass reads for a value live at `time`.
  private mutating func keep(
    _ value: Program.ValueID, for direction: PassDirection, to time: Int
  ) {
    for stored in program.storedValues(of: value, in: direction) {
      if let block = valueBlocks[stored] { arena.extend(block, to: time) }
    }
  }

  mutating func reserveGradients() {
    // Losses make their inputs' gradients in the forward pass.
    for (index, step) in program.steps.enumerated() where step.operation is any Loss {
      for (position, input) in step.inputs.enumerated() where program.values[input].needsGradient {
        leaveGradient(of: input, by: index, position, at: index)
      }
    }
    for (index, step) in program.steps.enumerated().reversed()
    where !(step.operation is any Loss) && program.hasBackward(step) {
      let time = program.backwardTime(index)
      // Where the convolution is a normalization's producer, its output's gradient is computed block by
      // block from the normalization's.
      let source = step.following.map { program.steps[$0].output } ?? step.output
      guard let own = gradientBlocks[source] else { continue }
      arena.extend(own, to: time)
      if let producer = step.producer { arena.extend(own, to: program.backwardTime(producer)) }
      for (position, input) in step.inputs.enumerated() where program.values[input].needsGradient {
        if position == 0, step.producer != nil { continue }
        if gradientBlocks[input] == nil, takesOverOutputGradient(step, position) {
          gradientBlocks[input] = own
          // The masked gradient is already where the addend's gradient is expected.
          accumulates[index][position] = step.addend == nil ? false : nil
        } else {
          leaveGradient(of: input, by: index, position, at: time)
        }
      }
    }
  }

  private mutating func leaveGradient(
    of input: Program.ValueID, by step: Program.StepID, _ position: Int, at time: Int
  ) {
    if let block = gradientBlocks[input] {
      arena.extend(block, to: time)
      accumulates[step][position] = true
    } else {
      gradientBlocks[input] = reserve(input, at: time)
      accumulates[step][position] = false
    }
  }

  /// Whether the gradient of an input may use the output gradient's memory: a normalization's passes
  /// are element by element, so dx (or, with an addend, the addend's gradient) overwrites dy.
  private func takesOverOutputGradient(_ step: Program.Step, _ position: Int) -> Bool {
    step.isNormalization && position == (step.addend == nil ? 0 : 1)
  }

  /// The program with every slot.
  mutating func placed() -> Program {
    arena.place()
    let input = slot(0, .batch)
    program.values[0].slot = input
    for value in program.values.indices.dropFirst() {
      program.values[value].slot = valueBlocks[value].map { slot(value, .arena(arena.offsets[$0])) }
      program.values[value].gradient = gradientBlocks[value].map {
        slot(value, .arena(arena.offsets[$0]))
      }
    }
    for (index, step) in program.steps.enumerated() {
      for (position, input) in step.inputs.enumerated() {
        guard let accumulate = accumulates[index][position],
          let gradient = program.values[input].gradient
        else { continue }
        program.steps[index].inputGradients[position] = GradientTarget(
          slot: gradient, accumulate: accumulate)
      }
    }
    program.arena = arena
    return program
  }
}
