/// Passes of a normalization over memory run inside the neighbouring convolutions, block by block.

/// Links each normalization to the convolutions that run its passes while a block of images is in the
/// cache.
///
/// A normalization needs all images' statistics before it can write its output, but its passes over
/// memory are element by element. So the convolution that writes its input takes the moments of each
/// block that it has written and, backward, turns dz into dx just before it reads it; the convolution
/// that first reads its output normalizes each block just before it reads it and, backward, masks and
/// sums each block of dy that it has written.
package struct FuseBlocks: ProgramPass {
  package init() {}

  package func callAsFunction(_ program: Program) -> Program {
    var program = program
    let readings = program.readings
    for (index, step) in program.steps.enumerated() where step.isNormalization {
      let input = step.inputs[0]
      if let writer = program.values[input].writer, program.steps[writer].isConvolution,
        readings[input].count == 1, !Self.normalizes(program, between: writer, and: index)
      {
        program.steps[index].producer = writer
        program.steps[writer].following = index
      }
      if let first = readings[step.output].first, program.steps[first.step].isConvolution,
        !Self.normalizes(program, between: index, and: first.step),
        // One without a backward pass would not mask dy.
        program.hasBackward(program.steps[first.step]) || !program.hasBackward(step)
      {
        program.steps[index].reader = first.step
        program.steps[first.step].preceding = index
      }
    }
    return program
  }

  /// Whether another normalization runs between two steps: its statistics would use the same memory.
  private static func normalizes(
    _ program: Program, between first: Program.StepID, and last: Program.StepID
  ) -> Bool {
    program.steps[(first + 1)..<last].contains(where: \.isNormalization)
  }
}
