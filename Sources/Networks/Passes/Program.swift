/// A network while it is compiled: steps in execution order, and the values between them.

import Kernels
import Tensors

/// What the passes transform, from an architecture's operations to steps with all their memory.
///
/// Each pass takes a program and returns one: `DropUnused`, `ChooseElements`, `FuseNormalizations`, `MarkGradients`,
/// `FuseBlocks`, `Rematerialize`, `PlanMemory`; `Lowering` then makes the layers of a `Plan`. A value is named by the
/// node that writes it, a step by its index.
package struct Program {
  package typealias ValueID = Int
  package typealias StepID = Int

  /// What a step writes and others read.
  package struct Value {
    package let shape: ImageShape
    package let rows: RowCount
    /// Of the value and of its gradient.
    package var element = ElementType.float32
    /// The step that writes it; nil for the network's input and for values inside fused steps.
    package var writer: StepID?
    /// Whether the backward pass computes its gradient.
    package var needsGradient = false
    /// How long it is stored.
    package var storage = ValueStorage.always
    /// The memory of the value, and of its gradient; nil where it has none.
    package var slot: TensorSlot?
    package var gradient: TensorSlot?
  }

  /// One executable step: an operation, or a normalization with what follows it.
  package struct Step {
    /// The operation's node; for a normalization the BN node itself.
    package let name: String
    package let operation: any Operation
    /// The values that are read, a normalization's addend last.
    package let inputs: [ValueID]
    /// The value that is written: the last of the fused operations'.
    package let output: ValueID
    /// What a normalization does beyond normalizing.
    package let epilogue: BatchNormalization.Epilogue

    /// Whether the backward pass makes gradients of the step's parameters.
    package var trainsParameters = false

    /// Of a normalization: the convolution before it that takes its moments and, backward, turns dz
    /// into dx.
    package var producer: StepID?
    /// Of a normalization: the convolution after it that writes its output and, backward, masks and
    /// sums dy.
    package var reader: StepID?
    /// Of a convolution: the normalization that it is the producer of.
    package var following: StepID?
    /// Of a convolution: the normalization that it is the reader of.
    package var preceding: StepID?

    /// How the backward pass leaves each input's gradient; nil where it leaves none.
    package var inputGradients: [GradientTarget?]

    package var isNormalization: Bool { operation is BatchNormalizationOperation }
    package var isConvolution: Bool { operation is ConvolutionOperation }

    /// The input that is added to a normalization's result.
    package var addend: ValueID? { epilogue.contains(.add) ? inputs[1] : nil }
  }

  /// One reading of a value.
  package struct Reading {
    package let step: StepID
    /// Which of the step's inputs it is.
    package let position: Int
  }

  package var steps: [Step]
  package var values: [Value]
  package let outputs: [ValueID]
  /// Images of this rank, at most.
  package let images: Int
  package let mode: PassMode
  /// The memory of values and gradients.
  var arena = ArenaPlanner()

  /// Each operation as a step of its own.
  package init(_ architecture: Architecture, images: Int, mode: PassMode) {
    values = architecture.nodes.map { Value(shape: $0.shape, rows: $0.rows) }
    steps = architecture.nodes.enumerated().dropFirst().map { index, node in
      Step(
        name: node.name, operation: node.operation, inputs: node.inputs, output: index,
        epilogue: [], inputGradients: node.inputs.map { _ in nil })
    }
    outputs = architecture.outputs
    self.images = images
    self.mode = mode
    indexWriters()
  }

  /// Notes each value's writer, after the steps have changed.
  mutating func indexWriters() {
    for value in values.indices { values[value].writer = nil }
    for (index, step) in steps.enumerated() { values[step.output].writer = index }
  }

  /// By value: who reads it, in execution order.
  package var readings: [[Reading]] {
    var readings = [[Reading]](repeating: [], count: values.count)
    for (index, step) in steps.enumerated() {
      for (position, input) in step.inputs.enumerated() {
        readings[input].append(Reading(step: index, position: position))
      }
    }
    return readings
  }

  /// Whether the backward pass makes any gradient at a step.
  package func hasBackward(_ step: Step) -> Bool { values[step.output].needsGradient }

  /// The operands whose values the backward pass of a step reads.
  package func backwardReads(_ step: Step) -> [Operand] {
    guard hasBackward(step) else { return [] }
    let reads = step.operation.backwardReads(
      trainsParameters: step.trainsParameters,
      propagates: step.inputs.contains { values[$0].needsGradient })
    // The mask of the normalization before is taken from what the convolution reads.
    return step.preceding == nil || reads.contains(.input(0)) ? reads : reads + [.input(0)]
  }

  /// The values whose stored form a pass reads for `value`: itself, or what it is computed from.
  package func storedValues(of value: ValueID, in direction: PassDirection) -> [ValueID] {
    guard let writer = values[value].writer, !values[value].storage.serves(direction) else {
      return [value]
    }
    return steps[writer].inputs.flatMap { storedValues(of: $0, in: direction) }
  }
}

/// How long a value is stored.
package enum ValueStorage {
  /// For all readers.
  case always
  /// For readers of the forward pass; those of the backward pass compute it again.
  case forward
  /// All readers compute it.
  case never

  /// Whether readers of a pass find the value in memory.
  package func serves(_ direction: PassDirection) -> Bool {
    switch self {
    case .always: true
    case .forward: direction == .forward
    case .never: false
    }
  }
}

/// A transformation of a program.
package protocol ProgramPass {
  func callAsFunction(_ program: Program) -> Program
}
