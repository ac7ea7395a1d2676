/// Which values are stored as bfloat16.

import Tensors

/// Gives each value, and with it its gradient, an element type: that of activations from the first
/// convolution on, Float for the network's input and for what is done once an image, such as the classifier.
package struct ChooseElements: ProgramPass {
  private let activations: ElementType

  package init(activations: ElementType) { self.activations = activations }

  package func callAsFunction(_ program: Program) -> Program {
    var program = program
    for step in program.steps {
      program.values[step.output].element = step.operation.outputElement(
        of: step.inputs.map { program.values[$0].element }, activations: activations)
    }
    return program
  }
}
