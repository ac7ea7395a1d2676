/// Outputs of normalizations are computed again where they are read, instead of being stored.

import Tensors

/// Decides how long the output of each normalization is stored (activation checkpointing of cheap
/// operations, Chen et al. 2016, arXiv 1604.06174).
///
/// The backward pass needs a normalization's input, the raw output of a convolution, in any case. So the
/// output, y = max(0, x·scale + shift + addend), can be computed again for a block of images just before
/// a convolution reads it, with the same bits. Recomputing a residual block's output requires its
/// shortcut, that is the previous block's output, and so on; every `longestChain` links one is stored.
package struct Rematerialize: ProgramPass {
  /// Elements of an image's output from which on it is not stored for the backward pass: 80 KiB.
  /// Smaller ones cost little memory.
  package static let leastCount = 20 * 1024
  /// Normalizations that a reader computes at most for a shortcut, each of which reads its input once more:
  /// six residual blocks and a projection, the third stage of ResNet-34 and ResNet-50. In bfloat16 there is
  /// half of the memory to save, and products take half of the time that the reading takes.
  private static func longestChain(_ element: ElementType) -> Int {
    switch element {
    case .float32: 7
    case .bfloat16: 0
    }
  }

  private let leastCount: Int

  /// - Parameter leastCount: elements of an image's output from which on the backward pass may compute
  ///   it again.
  package init(leastCount: Int = Rematerialize.leastCount) { self.leastCount = leastCount }

  package func callAsFunction(_ program: Program) -> Program {
    var program = program
    let readings = program.readings
    // Outputs are read after the pass, from memory.
    for step in program.steps where step.isNormalization && !program.outputs.contains(step.output) {
      let readers = readings[step.output].map { Reader($0, in: program) }
      if Self.isLeftToReaders(step, readers) {
        program.values[step.output].storage = .never
      } else if program.mode == .training, program.values[step.output].shape.count >= leastCount,
        !readers.contains(.memoryInBothPasses), Self.canCompute(step, readings, program)
      {
        program.values[step.output].storage = .forward
      }
    }
    return program
  }

  /// What a step does with an input that a normalization wrote.
  private enum Reader {
    /// Reads blocks in both passes: a convolution.
    case blocksInBothPasses
    /// Reads blocks, in the forward pass only: a max pooling, or a convolution that is not trained.
    case blocksForward
    /// Adds it to a normalization.
    case addition
    case memoryForward
    case memoryInBothPasses

    init(_ reading: Program.Reading, in program: Program) {
      let step = program.steps[reading.step]
      if step.isNormalization, reading.position > 0 {
        self = .addition
        return
      }
      let isReadBackward = program.backwardReads(step).contains(.input(reading.position))
      switch step.operation.access(toInput: reading.position) {
      case .blocks: self = isReadBackward ? .blocksInBothPasses : .blocksForward
      case .memory: self = isReadBackward ? .memoryInBothPasses : .memoryForward
      }
    }

    var takesBlocks: Bool { self == .blocksInBothPasses || self == .blocksForward }
  }

  /// Whether a normalization of nothing but a convolution's output has readers that all compute it
  /// just as well: convolutions, a pooling, or as a projection shortcut the normalization that adds it.
  private static func isLeftToReaders(_ step: Program.Step, _ readers: [Reader]) -> Bool {
    if step.addend != nil { return false }
    return step.epilogue.contains(.relu)
      ? !readers.isEmpty && readers.allSatisfy(\.takesBlocks) : readers == [.addition]
  }

  /// Whether the addend of a normalization is available in the backward pass without a long chain: a
  /// stored one where a convolution needs it there in any case.
  private static func canCompute(
    _ step: Program.Step, _ readings: [[Program.Reading]], _ program: Program
  ) -> Bool {
    guard let addend = step.addend else { return true }
    let chain = chain(of: addend, program)
    if chain >= longestChain(program.values[step.output].element) { return false }
    return chain > 0 || readings[addend].contains { Reader($0, in: program) == .blocksInBothPasses }
  }

  /// Normalizations that a reader of the backward pass computes for a value.
  private static func chain(of value: Program.ValueID, _ program: Program) -> Int {
    guard let writer = program.values[value].writer, program.values[value].storage != .always else {
      return 0
    }
    return 1 + (program.steps[writer].addend.map { chain(of: $0, program) } ?? 0)
  }
}
