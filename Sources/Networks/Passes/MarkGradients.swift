/// Which gradients the backward pass makes: of trained parameters, and of what leads to them.

/// Frozen layers have no parameter gradients, and where nothing before a value is trained, the value has
/// no gradient either, so that the backward pass ends at the first trained layer.
package struct MarkGradients: ProgramPass {
  private let layout: ParameterLayout

  package init(_ layout: ParameterLayout) { self.layout = layout }

  package func callAsFunction(_ program: Program) -> Program {
    var program = program
    guard program.mode == .training else { return program }
    let trained = Set(layout.slots.filter { !$0.isFrozen }.map(\.layer))
    for index in program.steps.indices {
      let step = program.steps[index]
      program.steps[index].trainsParameters = trained.contains(step.name)
      program.values[step.output].needsGradient = program.hasBackward(program.steps[index])
    }
    return program
  }
}
