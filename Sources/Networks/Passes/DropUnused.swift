/// Operations that no output and no loss depends on are left out of a plan.

/// Keeps the steps whose values lead to an output or to a loss, so that a part of a network can be run without
/// the rest; the parameters of the rest keep their places.
package struct DropUnused: ProgramPass {
  package init() {}

  /// - Precondition: the steps are an architecture's own, before any is fused.
  package func callAsFunction(_ program: Program) -> Program {
    var program = program
    var needed = Set(program.outputs)
    var kept: [Program.Step] = []
    // Readers come after what they read.
    for step in program.steps.reversed()
    where step.operation is any Loss || needed.contains(step.output) {
      needed.formUnion(step.inputs)
      kept.append(step)
    }
    program.steps = kept.reversed()
    program.indexWriters()
    return program
  }
}
