/// 3×3 convolution with stride 1 by Winograd's F(4×4, 3×3): 36 products for 16 outputs, a quarter of
/// the multiplications.

import Tensors

/// Forward, backward-data and backward-weights over cache-sized blocks of tiles.
///
/// For each block: transform the tiles, multiply position by position, transform back. The backward
/// pass to the data is the forward pass with rotated, transposed filters.
struct WinogradConvolution: TypedConvolutionAlgorithm {
  let geometry: ConvolutionGeometry
  /// Of images in memory; transformed tiles and filters are Float.
  let element: ElementType
  private let blocks: ChannelBlocks
  private let inputTiles: WinogradTiles
  private let outputTiles: WinogradTiles

  /// - Returns: nil where the algorithm does not fit the convolution.
  init?(_ geometry: ConvolutionGeometry, _ element: ElementType) {
    guard geometry.isWinograd, let blocks = ChannelBlocks(geometry) else { return nil }
    self.geometry = geometry
    self.element = element
    self.blocks = blocks
    inputTiles = WinogradTiles(geometry.input)
    outputTiles = WinogradTiles(geometry.output)
  }

  var name: String { "Winograd" }

  var relativeErrorBound: Double { geometry.winogradErrorBound }

  // MARK: Blocks

  /// Tiles of a block: enough to reuse transformed weights, few enough that the block's transformed
  /// tiles and products stay in the second-level cache.
  private var tilesPerBlock: Int {
    let floatsPerTile =
      WinogradTransforms.positions * blocksPerRun * (blocks.inputs + blocks.outputs)
    return min(192, max(48, Self.blockFloats / floatsPerTile))
  }

  /// A quarter of the second-level cache.
  private static var blockFloats: Int { KernelTarget.compiled.l2 / 4 }

  /// Channel blocks that a block of tiles is taken through at once: of groups, which share nothing, four
  /// cache lines of a pixel, so that its transformed tiles stay in the cache.
  private var blocksPerRun: Int {
    min(blocks.count, max(1, Self.runChannels / max(blocks.inputs, blocks.outputs)))
  }

  private static let runChannels = 64

  /// Channel blocks that go through the passes together.
  private struct Run {
    let blocks: Range<Int>
    let inputs: Range<Int>
    let outputs: Range<Int>
  }

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

  var preparedWeightCount: Int { WinogradTransforms.positions * positionWeights }

  /// Transformed weights at one position, [blocks][C/blocks][K/blocks].
  private var positionWeights: Int { blocks.count * blockWeights + Vector.lanes }
  private var blockWeights: Int { blocks.inputs * blocks.outputs }

  func prepareForward(_ weights: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<Float>) {
    WinogradTransforms.withAlignedScratch { buffer in
      forEachBlockVector { block, input, output in
        let target =
          prepared + block * blockWeights
          + PackedGEMM.panelOffset(
            step: input, column: output, steps: blocks.inputs, columns: blocks.outputs)
        WinogradTransforms.transform2D(buffer, WinogradTransforms.weights) { row, column in
          blocks.weights(
            weights, block: block, position: 3 * row + column, input: input, output: output)
        } store: { row, column, value in
          target.store(value, at: (6 * row + column) * positionWeights)
        }
      }
    }
  }

  func prepareBackwardData(
    _ weights: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<Float>
  ) {
    // Sixteen by sixteen filters at a time: rotated, transposed and transformed.
    var transposed = InlineArray<2304, Float>(repeating: 0)
    withUnsafeMutablePointer(to: &transposed) { transposed in
      let transposed = UnsafeMutableRawPointer(transposed).assumingMemoryBound(to: Float.self)
      WinogradTransforms.withAlignedScratch { buffer in
        for block in 0..<blocks.count {
          for input in stride(from: 0, to: blocks.inputs, by: Vector.lanes) {
            for output in stride(from: 0, to: blocks.outputs, by: Vector.lanes) {
              for position in 0..<9 {
                blocks.transposedWeights(
                  weights, block: block, position: 8 - position, input: input, output: output,
                  into: transposed + position * 256)
              }
              for lane in 0..<Vector.lanes {
                let target =
                  prepared + block * blockWeights
                  + PackedGEMM.panelOffset(
                    step: output + lane, column: input, steps: blocks.outputs,
                    columns: blocks.inputs)
                let source = UnsafePointer(transposed) + lane * Vector.lanes
                WinogradTransforms.transform2D(buffer, WinogradTransforms.weights) { row, column in
                  source.vector(at: (3 * row + column) * 256)
                } store: { row, column, value in
                  target.store(value, at: (6 * row + column) * positionWeights)
                }
              }
            }
          }
        }
      }
    }
  }

  /// Calls `body` for each input channel and sixteen output channels of each block.
  @inline(__always)
  private func forEachBlockVector(_ body: (_ block: Int, _ input: Int, _ output: Int) -> Void) {
    for block in 0..<blocks.count {
      for input in 0..<blocks.inputs {
        for output in stride(from: 0, to: blocks.outputs, by: Vector.lanes) {
          body(block, input, output)
        }
      }
    }
  }

  // MARK: Forward and backward-data

  func scratchCount(images: Int) -> Int {
    let tiles = inputTiles.capacity(images: images, limit: tilesPerBlock)
    return WinogradTransforms.positions
      * (WinogradTiles.positionStride(tiles, blocksPerRun * blocks.inputs)
        + WinogradTiles.positionStride(tiles, blocksPerRun * blocks.outputs))
      + inputTiles.bandCount + outputTiles.bandCount
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
    _ input: TensorView<Element>, _ inputTiles: WinogradTiles, _ sources: (Run) -> Range<Int>,
    _ prepared: UnsafePointer<Float>, _ output: TensorView<Element>, _ outputTiles: WinogradTiles,
    _ targets: (Run) -> Range<Int>, accumulate: Bool, scratch: UnsafeMutablePointer<Float>
  ) {
    let band = scratch
    let transformed = band + inputTiles.bandCount
    inputTiles.forEachBlock(images: 0..<input.images, limit: tilesPerBlock) { block in
      let pixels = outputTiles.pixels(block)
      forEachRun { run in
        let (inputs, outputs) = (sources(run), targets(run))
        let inputStride = WinogradTiles.positionStride(block.tiles, inputs.count)
        let products = transformed + WinogradTransforms.positions * inputStride
        let outputStride = WinogradTiles.positionStride(block.tiles, outputs.count)
        inputTiles.transformInput(
          input.base, block, channels: inputs, parts: inputs.count, into: transformed,
          stride: inputStride, band: band)
        let blockInputs = inputs.count / run.blocks.count
        let blockOutputs = outputs.count / run.blocks.count
        for position in 0..<WinogradTransforms.positions {
          // Outputs are new to the cache: they are fetched while the products keep the core busy.
          for pixel in pixels.part(position, of: WinogradTransforms.positions) {
            prefetchForWriting(output.base + pixel * output.channels, outputs)
          }
          for channels in 0..<run.blocks.count {
            PackedGEMM.multiply(
              m: block.tiles, n: blockOutputs, k: blockInputs,
              a: .rows(
                transformed + (position * inputStride + channels * blockInputs),
                stride: inputs.count),
              b: prepared
                + (position * positionWeights + (run.blocks.lowerBound + channels) * blockWeights),
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

  /// Transformed gradients dU[36][C][K] in front of the blocks' scratch.
  private var transformedGradientCount: Int { WinogradTransforms.positions * positionWeights }

  func weightScratchCount(images: Int) -> Int {
    transformedGradientCount + scratchCount(images: images)
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
    let transformed = outputBand + outputTiles.bandCount
    inputTiles.forEachBlock(images: 0..<input.images, limit: tilesPerBlock) { block in
      forEachRun { run in
        let inputStride = WinogradTiles.positionStride(block.tiles, run.inputs.count)
        let gradients = transformed + WinogradTransforms.positions * inputStride
        let outputStride = WinogradTiles.positionStride(block.tiles, run.outputs.count)
        inputTiles.transformInput(
          input.base, block, channels: run.inputs, parts: run.inputs.count, into: transformed,
          stride: inputStride, band: inputBand)
        outputTiles.transformOutputGradient(
          outputGradient.base, block, channels: run.outputs, panels: blocks.outputs,
          into: gradients, stride: outputStride, band: outputBand)
        for position in 0..<WinogradTransforms.positions {
          for channels in 0..<run.blocks.count {
            PackedGEMM.multiply(
              m: blocks.inputs, n: blocks.outputs, k: block.tiles,
              a: .columns(
                transformed + (position * inputStride + channels * blocks.inputs),
                stride: run.inputs.count),
              b: gradients + (position * outputStride + channels * blocks.outputs * block.tiles),
              c: sums
                + (position * positionWeights + (run.blocks.lowerBound + channels) * blockWeights),
              cStride: blocks.outputs, accumulate: accumulate)
          }
        }
      }
      accumulate = true
    }
    guard isLast else { return }
    WinogradTransforms.withAlignedScratch { buffer in
      forEachBlockVector { block, input, output in
        let offset = block * blockWeights + input * blocks.outputs + output
        let first = UnsafePointer<Float>(sums + offset)
        WinogradTransforms.transform2D(buffer, WinogradTransforms.weightGradient) { row, column in
          first.vector(at: (6 * row + column) * positionWeights)
        } store: { row, column, value in
          blocks.storeGradient(
            value, weightGradient, block: block, position: 3 * row + column, input: input,
            output: output)
        }
      }
    }
  }
}

extension ConvolutionGeometry {
  /// Winograd's transforms magnify the rounding of their inputs: four times the bound of direct sums.
  var winogradErrorBound: Double { 4 * directErrorBound }

  /// Whether Winograd's tiles fit: 3×3, stride 1, padding 1, whole vectors of input channels.
  var isWinograd: Bool {
    kernelHeight == 3 && kernelWidth == 3 && stride == 1 && padding == 1
      && input.channels % Vector.lanes == 0
  }
}
