/// 3×3 convolution with stride 1 by Winograd's minimal filtering.

import Tensors

/// Forward, backward-data and backward-weights over cache-sized blocks of tiles.
///
/// For each block: transform the tiles, multiply position by position, transform back. The backward
/// pass to the data is the forward pass with rotated, transposed filters.
protocol WinogradConvolution: WinogradAlgorithm {}

/// By F(4×4, 3×3).
struct WinogradF4Convolution: WinogradConvolution {
  let parts: WinogradParts<WinogradF4>
}

/// By F(2×2, 3×3).
struct WinogradF2Convolution: WinogradConvolution {
  let parts: WinogradParts<WinogradF2>
}

/// Channel blocks that go through the passes together.
private struct Run {
  let blocks: Range<Int>
  let inputs: Range<Int>
  let outputs: Range<Int>
}

extension WinogradConvolution {
  static func fits(_ blocks: ChannelBlocks) -> Bool { true }

  var name: String { Transform.name }

  // MARK: Blocks

  /// Tiles of a block: enough to reuse transformed weights, few enough that the block's transformed
  /// tiles and products stay in the second-level cache.
  private var tilesPerBlock: Int {
    let floatsPerTile =
      Transform.positions * blocksPerRun
      * (Transform.floats(blocks.inputs) + blocks.outputs)
    return min(192, max(48, Self.blockFloats / floatsPerTile))
  }

  /// A quarter of the second-level cache: of any machine's where neighbouring tiles of a block are summed in
  /// pairs.
  private static var blockFloats: Int {
    Transform.Factor.elements == 1
      ? KernelTarget.compiled.l2 / 4 : ReproducibleBlocking.pairedTiles
  }

  /// Channel blocks that a block of tiles is taken through at once: of groups, which share nothing, four
  /// cache lines of a pixel, so that its transformed tiles stay in the cache.
  private var blocksPerRun: Int {
    min(blocks.count, max(1, Self.runChannels / max(blocks.inputs, blocks.outputs)))
  }

  private static var runChannels: Int { 64 }

  @inline(__always)
  private func forEachRun(_ body: (Run) -> Void) {
    for first in stride(from: 0, to: blocks.count, by: blocksPerRun) {
      let range = first..<min(first + blocksPerRun, blocks.count)
      body(
        Run(
          blocks: range,
          inputs: range.lowerBound * blocks.inputs..<range.upperBound * blocks.inputs,
          outputs: range.lowerBound * blocks.outputs..<range.upperBound * blocks.outputs))
    }
  }

  // MARK: Weights

  var preparedWeightCount: Int { Transform.positions * positionFactors }

  /// Factors of transformed weights at one position, [blocks][steps of C/blocks][K/blocks]; a factor has a
  /// float's size.
  private var positionFactors: Int { blocks.count * blockFactors + Vector.lanes }
  private var blockFactors: Int { blockWeights / Transform.Factor.elements }
  private var blockWeights: Int { blocks.inputs * blocks.outputs }

  func prepareForward(_ weights: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<Float>) {
    let prepared = prepared.factors(of: Transform.Number.self)
    let elements = Transform.Factor.elements
    WinogradScratch.withAligned { buffer in
      forEachBlockVector(step: elements) { block, input, output in
        let target =
          prepared + block * blockFactors
          + PackedGEMM.panelOffset(
            step: input / elements, column: output, steps: blocks.inputs / elements,
            columns: blocks.outputs)
        Transform.weights(buffer, to: target, stride: positionFactors) { element, row, column in
          blocks.weights(
            weights, block: block, position: 3 * row + column, input: input + element,
            output: output)
        }
      }
    }
  }

  func prepareBackwardData(
    _ weights: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<Float>
  ) {
    let prepared = prepared.factors(of: Transform.Number.self)
    let elements = Transform.Factor.elements
    WinogradScratch.withTransposedFilters { transposed, buffer in
      for block in 0..<blocks.count {
        for input in stride(from: 0, to: blocks.inputs, by: Vector.lanes) {
          for output in stride(from: 0, to: blocks.outputs, by: Vector.lanes) {
            blocks.rotatedFilters(
              weights, block: block, input: input, output: output, into: transposed)
            for lane in stride(from: 0, to: Vector.lanes, by: elements) {
              let target =
                prepared + block * blockFactors
                + PackedGEMM.panelOffset(
                  step: (output + lane) / elements, column: input,
                  steps: blocks.outputs / elements, columns: blocks.inputs)
              Transform.weights(buffer, to: target, stride: positionFactors) {
                element, row, column in
                transposed.vector(at: (3 * row + column) * 256 + (lane + element) * Vector.lanes)
              }
            }
          }
        }
      }
    }
  }

  /// Calls `body` for each `step`th input channel and sixteen output channels of each block.
  @inline(__always)
  private func forEachBlockVector(
    step: Int, _ body: (_ block: Int, _ input: Int, _ output: Int) -> Void
  ) {
    for block in 0..<blocks.count {
      for input in stride(from: 0, to: blocks.inputs, by: step) {
        for output in stride(from: 0, to: blocks.outputs, by: Vector.lanes) {
          body(block, input, output)
        }
      }
    }
  }

  // MARK: Forward and backward-data

  func scratchCount(images: Int) -> Int {
    let tiles = inputTiles.capacity(images: images, limit: tilesPerBlock)
    let (inputs, outputs) = (blocksPerRun * blocks.inputs, blocksPerRun * blocks.outputs)
    return Transform.positions
      * max(
        Self.transformedFloats(tiles, inputs) + productStride(tiles, outputs),
        Self.transformedFloats(tiles, outputs) + productStride(tiles, inputs))
      + inputTiles.bandCount + outputTiles.bandCount
  }

  /// Floats between two positions' products.
  private func productStride(_ tiles: Int, _ channels: Int) -> Int {
    Tiles.positionStride(tiles, channels, of: Float.self)
  }

  func forward<Element: KernelElement>(
    _ input: TensorView<Element>, _ weights: UnsafePointer<Float>, _ output: TensorView<Element>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    convolve(
      input, inputTiles, \.inputs, weights, output, outputTiles, \.outputs, accumulate: false,
      scratch: scratch)
  }

  func backwardData<Element: KernelElement>(
    _ outputGradient: TensorView<Element>, _ weights: UnsafePointer<Float>,
    _ inputGradient: TensorView<Element>, accumulate: Bool, scratch: UnsafeMutablePointer<Float>
  ) {
    convolve(
      outputGradient, outputTiles, \.outputs, weights, inputGradient, inputTiles, \.inputs,
      accumulate: accumulate, scratch: scratch)
  }

  /// A convolution from the channels `sources` of a run's blocks to its channels `targets`.
  @inline(__always)
  private func convolve<Element: KernelElement>(
    _ input: TensorView<Element>, _ inputTiles: Tiles,
    _ sources: (Run) -> Range<Int>, _ prepared: UnsafePointer<Float>,
    _ output: TensorView<Element>, _ outputTiles: Tiles,
    _ targets: (Run) -> Range<Int>, accumulate: Bool, scratch: UnsafeMutablePointer<Float>
  ) {
    let prepared = prepared.factors(of: Transform.Number.self)
    let band = scratch
    let transformed = (band + inputTiles.bandCount).elements(of: Transform.Number.self)
    inputTiles.forEachBlock(images: 0..<input.images, limit: tilesPerBlock) { block in
      let pixels = outputTiles.pixels(block)
      forEachRun { run in
        let (inputs, outputs) = (sources(run), targets(run))
        let inputStride = Tiles.tileStride(
          block.tiles, channels: inputs.count)
        let products =
          band + inputTiles.bandCount
          + Transform.positions * Self.transformedFloats(block.tiles, inputs.count)
        let outputStride = productStride(block.tiles, outputs.count)
        inputTiles.transformInput(
          input.base, block, channels: inputs, parts: inputs.count, into: transformed,
          stride: inputStride, band: band)
        let blockInputs = inputs.count / run.blocks.count
        let blockOutputs = outputs.count / run.blocks.count
        for position in 0..<Transform.positions {
          // Outputs are new to the cache: they are fetched while the products keep the core busy.
          for pixel in pixels.part(position, of: Transform.positions) {
            prefetchForWriting(output.base + pixel * output.channels, outputs)
          }
          for channels in 0..<run.blocks.count {
            PackedGEMM.multiply(
              m: block.tiles, n: blockOutputs, k: blockInputs / Transform.Factor.elements,
              a: .rows(
                transformed + (position * inputStride + channels * blockInputs),
                stride: inputs.count),
              b: prepared
                + (position * positionFactors + (run.blocks.lowerBound + channels) * blockFactors),
              c: products + (position * outputStride + channels * blockOutputs),
              cStride: outputs.count)
          }
        }
        outputTiles.transformOutput(
          products, stride: outputStride, block, channels: outputs, output: output.base,
          accumulate: accumulate)
      }
    }
  }

  // MARK: Backward-weights

  /// Transformed gradients dU, [positions][C][K], in front of the blocks' scratch.
  private var transformedGradientCount: Int { Transform.positions * positionSums }
  private var positionSums: Int { blocks.count * blockWeights + Vector.lanes }

  func weightScratchCount(images: Int) -> Int {
    let tiles = inputTiles.capacity(images: images, limit: tilesPerBlock)
    let (inputs, outputs) = (blocksPerRun * blocks.inputs, blocksPerRun * blocks.outputs)
    return transformedGradientCount + inputTiles.bandCount + outputTiles.bandCount
      + Tiles.pairCount(channels: max(inputs, outputs))
      + Transform.positions
      * (Self.transformedFloats(tiles, inputs) + Self.transformedFloats(tiles, outputs))
  }

  func addWeightGradient<Element: KernelElement>(
    _ input: TensorView<Element>, _ outputGradient: TensorView<Element>,
    into weightGradient: UnsafeMutablePointer<Float>, isFirst: Bool, isLast: Bool,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let sums = scratch
    var accumulate = !isFirst
    if isFirst, input.images == 0 {
      sums.update(repeating: 0, count: transformedGradientCount)
    }
    let inputBand = sums + transformedGradientCount
    let outputBand = inputBand + inputTiles.bandCount
    let pairs = outputBand + outputTiles.bandCount
    let transformed =
      pairs
      + Tiles.pairCount(
        channels: blocksPerRun * max(blocks.inputs, blocks.outputs))
    inputTiles.forEachBlock(images: 0..<input.images, limit: tilesPerBlock) { block in
      let steps = PackedGEMM.steps(block.tiles, Transform.Factor.self)
      forEachRun { run in
        // A factor has a float's size.
        let inputStride = Self.transformedFloats(block.tiles, run.inputs.count)
        let outputStride = Self.transformedFloats(block.tiles, run.outputs.count)
        let inputs = transformed.factors(of: Transform.Number.self)
        let gradients = inputs + Transform.positions * inputStride
        inputTiles.transformInputFactors(
          input.base, block, channels: run.inputs, parts: run.inputs.count, into: inputs,
          stride: inputStride, band: inputBand, pairs: pairs)
        outputTiles.transformOutputGradient(
          outputGradient.base, block, channels: run.outputs, panels: blocks.outputs,
          into: gradients, stride: outputStride, band: outputBand, pairs: pairs)
        for position in 0..<Transform.positions {
          for channels in 0..<run.blocks.count {
            PackedGEMM.multiply(
              m: blocks.inputs, n: blocks.outputs, k: steps,
              a: .columns(
                UnsafePointer(inputs) + (position * inputStride + channels * blocks.inputs),
                stride: run.inputs.count),
              b: UnsafePointer(gradients)
                + (position * outputStride + channels * blocks.outputs * steps),
              c: sums
                + (position * positionSums + (run.blocks.lowerBound + channels) * blockWeights),
              cStride: blocks.outputs, accumulate: accumulate)
          }
        }
      }
      accumulate = true
    }
    guard isLast else { return }
    WinogradScratch.withAligned { buffer in
      forEachBlockVector(step: 1) { block, input, output in
        let offset = block * blockWeights + input * blocks.outputs + output
        let first = UnsafePointer<Float>(sums + offset)
        Transform.weightGradient(buffer) { row, column in
          first.vector(at: (Transform.inputSide * row + column) * positionSums)
        } store: { row, column, value in
          blocks.storeGradient(
            value, weightGradient, block: block, position: 3 * row + column, input: input,
            output: output)
        }
      }
    }
  }
}
