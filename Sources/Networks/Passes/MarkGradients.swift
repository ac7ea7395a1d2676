/// Which gradients the backward pass makes: of trained parameters, and of what lies between them and a loss.

/// Frozen layers have no parameter gradients. Where nothing before a value is trained, the value has
/// no gradient either, so that the backward pass ends at the first trained layer; and neither has one that leads
/// to no loss.
package struct MarkGradients: ProgramPass {
  private let layout: ParameterLayout

  package init(_ layout: ParameterLayout) { self.layout = layout }

  package func callAsFunction(_ program: Program) -> Program {
    var program = program
    guard program.mode == .training else { return program }
    let trained = Set(layout.slots.filter { !$0.isFrozen }.map(\.layer))
    let lossPaths = Self.valuesBeforeLosses(program)
    for index in program.steps.indices {
      let step = program.steps[index]
      let isTrained = trained.contains(step.name)
      program.steps[index].trainsParameters = isTrained
      program.values[step.output].needsGradient =
        lossPaths.contains(step.output) && step.operation.isDifferentiable
        && (isTrained || step.inputs.contains { program.values[$0].needsGradient })
    }
    return program
  }

  /// The values that a loss depends on in a way that gradients go back, and the losses' own.
  private static func valuesBeforeLosses(_ program: Program) -> Set<Program.ValueID> {
    program.steps.reversed().reduce(into: []) { values, step in
      if step.operation is any Loss { values.insert(step.output) }
      if step.operation.isDifferentiable, values.contains(step.output) {
        values.formUnion(step.inputs)
      }
    }
  }
}
