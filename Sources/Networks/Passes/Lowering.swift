/// The last step of compilation: a program's steps become layers.

import Kernels
import Tensors

/// Makes the layers of a program whose memory is planned.
final class Lowering {
  private let program: Program
  private let layout: ParameterLayout
  private let groups: NormalizationGroups
  fileprivate let products: ProductArithmetic
  /// Made so far, by step.
  private var normalizations: [Program.StepID: BatchNormalizationLayer] = [:]

  init(
    _ program: Program, _ layout: ParameterLayout, _ groups: NormalizationGroups,
    products: ProductArithmetic
  ) {
    self.program = program
    self.layout = layout
    self.groups = groups
    self.products = products
  }

  func layers() -> [any PlannedLayer] {
    program.steps.indices.map { index in
      let step = program.steps[index]
      return step.operation.layer(LoweredStep(self, step, index))
    }
  }

  fileprivate func shape(of value: Program.ValueID) -> ImageShape { program.values[value].shape }

  fileprivate func output(of step: Program.Step) -> TensorSlot? { program.values[step.output].slot }

  fileprivate func outputGradient(of step: Program.Step) -> TensorSlot? {
    program.hasBackward(step) ? program.values[step.output].gradient : nil
  }

  /// Rows of a step's output, at most.
  fileprivate func capacity(of step: Program.Step) -> Int {
    program.images * program.values[step.output].rows.perImage
  }

  fileprivate func parameter(_ name: String) -> Range<Int> { layout.slot(name).range }

  /// Where a reader finds a value.
  fileprivate func source(_ value: Program.ValueID) -> ActivationSource {
    if let writer = program.values[value].writer, program.steps[writer].isNormalization {
      return .normalized(normalization(writer))
    }
    return .stored(program.values[value].slot!)
  }

  /// Where a loss leaves its sums among those of all losses, and which targets it reads.
  fileprivate func loss(at index: Program.StepID) -> (sums: Int, target: Int) {
    let losses = program.steps[...index].compactMap { $0.operation as? any Loss }
    let target = Targets.layouts(of: losses).firstIndex(of: losses[losses.count - 1].target)!
    return (losses.dropLast().reduce(0) { $0 + $1.sumsCount }, target)
  }

  /// The layer of a normalization, which neighbouring layers refer to.
  fileprivate func normalization(_ index: Program.StepID) -> BatchNormalizationLayer {
    if let layer = normalizations[index] { return layer }
    let step = program.steps[index]
    precondition(
      step.trainsParameters == false || program.values[step.output].rows == .images,
      "\(step.name): statistics are taken over images, not over rows that the data decide")
    var delegation: BatchNormalizationLayer.Delegation = []
    if step.producer != nil { delegation.insert(.toProducer) }
    if step.reader != nil { delegation.insert(.toReader) }
    let layer = BatchNormalizationLayer(
      .init(
        name: step.name, input: program.values[step.inputs[0]].slot!,
        addend: step.addend.map(source), output: program.values[step.output].slot,
        storage: program.values[step.output].storage, epilogue: step.epilogue,
        scale: parameter("\(step.name).weight"), shift: parameter("\(step.name).bias"),
        statistics: layout.runningStatistics.first { $0.name == step.name }!,
        trains: step.trainsParameters || program.mode == .evaluation,
        outputGradient: outputGradient(of: step), inputGradient: step.inputGradients[0],
        addendGradient: step.addend == nil ? nil : step.inputGradients[1],
        delegation: delegation, images: capacity(of: step)), groups)
    normalizations[index] = layer
    return layer
  }
}

/// What an operation is given to make the layer of a step.
package struct LoweredStep {
  private let lowering: Lowering
  private let step: Program.Step
  private let index: Program.StepID

  fileprivate init(_ lowering: Lowering, _ step: Program.Step, _ index: Program.StepID) {
    self.lowering = lowering
    self.step = step
    self.index = index
  }

  package var name: String { step.name }

  /// The inputs' shapes, of an image each.
  package var inputShapes: [ImageShape] { step.inputs.map(lowering.shape) }

  /// Where the layer finds the values of its input at `position`.
  package func source(_ position: Int) -> ActivationSource {
    lowering.source(step.inputs[position])
  }

  /// Where the layer leaves its output. Losses have none.
  package var output: TensorSlot { lowering.output(of: step)! }

  /// The output's gradient; nil where the step has no backward pass, or where the normalization after
  /// it computes the gradient block by block.
  package var outputGradient: TensorSlot? {
    step.following == nil ? lowering.outputGradient(of: step) : nil
  }

  /// Where the layer leaves the gradient of its input at `position`; nil where nobody needs it.
  package func inputGradient(_ position: Int) -> GradientTarget? { step.inputGradients[position] }

  /// How convolutions multiply.
  package var products: ProductArithmetic { lowering.products }

  /// Images, or rows of values whose rows the data decide, at most.
  package var capacity: Int { lowering.capacity(of: step) }

  /// Whether the backward pass makes gradients of the step's parameters.
  package var trainsParameters: Bool { step.trainsParameters }

  /// The elements of one of the step's parameters in the flat buffers.
  package func parameter(_ suffix: String) -> Range<Int> {
    lowering.parameter("\(step.name).\(suffix)")
  }

  /// Of a loss: where its sums begin among those of all losses, for `PassContext.lossSums`.
  package var lossSumsOffset: Int { lowering.loss(at: index).sums }

  /// Of a loss: which of the targets it reads, for `Targets`.
  package var targetIndex: Int { lowering.loss(at: index).target }

  /// The layer of a step that is a normalization.
  var normalization: BatchNormalizationLayer { lowering.normalization(index) }

  /// Of a convolution: the normalization whose moments it takes.
  var following: BatchNormalizationLayer? { step.following.map(lowering.normalization) }

  /// Of a convolution: the normalization whose output it writes.
  var preceding: BatchNormalizationLayer? { step.preceding.map(lowering.normalization) }
}
