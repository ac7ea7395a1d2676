/// Grouped convolutions as a few independent dense ones.

import CProcessor

/// A convolution's channels in blocks that depend on nothing outside the block.
///
/// Without groups there is one block. Groups narrower than a vector share a block of at least
/// sixteen channels, whose weights between different groups are zeros: a product with zeros at the
/// core's peak is faster than narrow products.
struct ChannelBlocks: Hashable, Sendable {
  let count: Int
  /// Input channels of a block.
  let inputs: Int
  /// Output channels of a block, a multiple of 16.
  let outputs: Int
  /// Output channels of all blocks, K.
  private let allOutputs: Int
  private let groupInputs: Int
  private let groupOutputs: Int
  /// Whether a block holds several groups, so that some weights in it are zeros by definition.
  private let isSparse: Bool

  /// Whether the one block's weights are the convolution's as they are in memory.
  var isWhole: Bool { count == 1 && !isSparse }

  /// - Returns: nil where no small number of groups fills whole vectors.
  init?(_ geometry: ConvolutionGeometry) {
    let groups = geometry.groups
    groupInputs = geometry.channelsPerGroup
    groupOutputs = geometry.output.channels / groups
    allOutputs = geometry.output.channels
    var together = 1
    if groups == 1 {
      guard groupOutputs % Vector.lanes == 0 else { return nil }
    } else {
      while groups % together != 0 || together * groupInputs % Vector.lanes != 0
        || together * groupOutputs % Vector.lanes != 0
      {
        together += 1
        if together > min(groups, Vector.lanes) { return nil }
      }
    }
    count = groups / together
    inputs = together * groupInputs
    outputs = together * groupOutputs
    isSparse = together > 1
  }

  /// Offset in [R, S, C/G, K] of the weights from `input` to the outputs from `output` on, both
  /// counted within `block`.
  @inline(__always)
  private func offset(block: Int, position: Int, input: Int, output: Int) -> Int {
    // A block of one group needs no division.
    let input = isSparse ? input % groupInputs : input
    return (position * groupInputs + input) * allOutputs + block * outputs + output
  }

  /// Those of sixteen outputs that see `input`.
  @inline(__always)
  private func mask(input: Int, output: Int) -> SIMDMask<SIMD16<Int32>> {
    let lanes = SIMD16<Int32>(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) &+ Int32(output)
    let first = Int32(input / groupInputs * groupOutputs)
    return (lanes .>= first) .& (lanes .< first + Int32(groupOutputs))
  }

  /// Sixteen weights of a block; zeros between groups.
  @inline(__always)
  func weights(
    _ weights: UnsafePointer<Float>, block: Int, position: Int, input: Int, output: Int
  ) -> Vector {
    let values = weights.vector(
      at: offset(block: block, position: position, input: input, output: output))
    return isSparse
      ? Vector.zero.replacing(with: values, where: mask(input: input, output: output)) : values
  }

  /// Writes (or adds) sixteen weights' gradients of a block, leaving out those between groups.
  @inline(__always)
  func storeGradient(
    _ value: Vector, _ gradient: UnsafeMutablePointer<Float>, block: Int, position: Int,
    input: Int, output: Int
  ) {
    let offset = offset(block: block, position: position, input: input, output: output)
    if isSparse {
      let mask = mask(input: input, output: output)
      gradient.store(gradient.vector(at: offset).replacing(with: value, where: mask), at: offset)
    } else {
      gradient.store(value, at: offset)
    }
  }

  /// Writes the transpose of sixteen rows.
  @inline(__always)
  func transposed(into target: UnsafeMutablePointer<Float>, _ row: (Int) -> Vector) {
    for index in 0..<Vector.lanes { target.store(row(index), at: index * Vector.lanes) }
    transpose_sixteen(target)
  }

  /// Transposes sixteen by sixteen weights of one position: target[output][input].
  @inline(__always)
  func transposedWeights(
    _ source: UnsafePointer<Float>, block: Int, position: Int, input: Int, output: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    transposed(into: target) { row in
      weights(source, block: block, position: position, input: input + row, output: output)
    }
  }

  // MARK: Whole blocks

  /// Packs a block's weights, [rows][positions · C, K] of a block, into the panels of `PackedGEMM`; the last
  /// factor of each row is completed with zeros.
  @inline(__always)
  func pack<Factor: ProductFactor>(
    _ source: UnsafePointer<Float>, block: Int, rows: Int = 1, positions: Int,
    into panels: UnsafeMutablePointer<Factor>
  ) {
    let count = positions * inputs
    if isWhole, rows == 1 || count % Factor.elements == 0 {
      return PackedGEMM.pack(
        source, rowStride: outputs, rows: rows * count, columns: outputs, into: panels)
    }
    let rowSteps = PackedGEMM.steps(count, Factor.self)
    for step in 0..<rows * rowSteps {
      let (row, within) = step.quotientAndRemainder(dividingBy: rowSteps)
      let (position, input) = (within * Factor.elements).quotientAndRemainder(dividingBy: inputs)
      let (nextPosition, nextInput) =
        input + 1 < inputs ? (position, input + 1) : (position + 1, 0)
      let hasSecond = within * Factor.elements + 1 < count
      for output in stride(from: 0, to: outputs, by: Vector.lanes) {
        let first = weights(
          source, block: block, position: row * positions + position, input: input, output: output)
        let second =
          Factor.elements > 1 && hasSecond
          ? weights(
            source, block: block, position: row * positions + nextPosition, input: nextInput,
            output: output)
          : .zero
        Factor.store(
          Factor.combine(first, second), to: panels,
          at: PackedGEMM.panelOffset(
            step: step, column: output, steps: rows * rowSteps, columns: outputs))
      }
    }
  }

  /// Stores a block's gradients of the weights at filter positions `positions`, [positions · C, K] of a
  /// block, in the gradient of the whole convolution.
  func scatter(
    _ sums: UnsafePointer<Float>, block: Int, positions: Range<Int>,
    into gradient: UnsafeMutablePointer<Float>
  ) {
    var sums = sums
    for position in positions {
      for input in 0..<inputs {
        for output in stride(from: 0, to: outputs, by: Vector.lanes) {
          storeGradient(
            sums.vector(at: output), gradient, block: block, position: position, input: input,
            output: output)
        }
        sums += outputs
      }
    }
  }
}
