/// Normalizations take in the addition and the ReLU that follow them, as one pass over memory.

import Kernels

package struct FuseNormalizations: ProgramPass {
  package init() {}

  /// A normalization takes in an addition, and after it a ReLU, that alone read its value.
  package func callAsFunction(_ program: Program) -> Program {
    var program = program
    let readings = program.readings
    let steps = program.steps
    let outputs = Set(program.outputs)
    /// The only reader of a value, if its operation is `Kind` and nobody else wants the value.
    func soleReader<Kind: Operation>(of value: Program.ValueID, _ kind: Kind.Type) -> Program
      .StepID?
    {
      guard readings[value].count == 1, !outputs.contains(value),
        let reader = readings[value].first,
        steps[reader.step].operation is Kind
      else { return nil }
      return reader.step
    }

    var fused: Set<Program.StepID> = []
    var result: [Program.Step] = []
    // Backwards, so that of two normalizations that meet in an addition the later one takes it in: by
    // then the other's value exists.
    for (index, step) in steps.enumerated().reversed() where step.isNormalization {
      var inputs = step.inputs
      var output = step.output
      var epilogue: BatchNormalization.Epilogue = []
      if let add = soleReader(of: output, AdditionOperation.self), !fused.contains(add) {
        inputs += steps[add].inputs.filter { $0 != output }
        output = steps[add].output
        epilogue.insert(.add)
        fused.insert(add)
      }
      if let relu = soleReader(of: output, ReLUOperation.self) {
        output = steps[relu].output
        epilogue.insert(.relu)
        fused.insert(relu)
      }
      fused.insert(index)
      result.append(
        Program.Step(
          name: step.name, operation: step.operation, inputs: inputs, output: output,
          epilogue: epilogue, inputGradients: inputs.map { _ in nil }))
    }
    result += steps.enumerated().filter { !fused.contains($0.offset) }.map(\.element)
    // A step runs when the last of its operations would.
    program.steps = result.sorted { $0.output < $1.output }
    program.indexWriters()
    return program
  }
}
