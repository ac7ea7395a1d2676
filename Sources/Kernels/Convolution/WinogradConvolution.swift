/// 3×3 convolution with stride 1 by Winograd's F(4×4, 3×3): 36 products for 16 outputs, a quarter of
/// the multiplications.

import Tensors

/// Forward, backward-data and backward-weights over cache-sized blocks of tiles.
///
/// For each block: transform the tiles, multiply position by position, transform back. The backward
/// pass to the data is the forward pass with rotated, transposed filters.
struct WinogradConvolution: ConvolutionAlgorithm {
  let geometry: ConvolutionGeometry
  private let inputTiles: WinogradTiles
  private let outputTiles: WinogradTiles

  /// Whether the algorithm can compute this convolution.
  static func fits(_ geometry: ConvolutionGeometry) -> Bool {
    geometry.kernelHeight == 3 && geometry.kernelWidth == 3 && geometry.stride == 1
      && geometry.padding == 1 && geometry.groups == 1
      && geometry.input.channels % Vector.lanes == 0
      && geometry.output.channels % Vector.lanes == 0
  }

  init(_ geometry: ConvolutionGeometry) {
    precondition(Self.fits(geometry), "Winograd's F(4×4, 3×3) does not fit \(geometry)")
    self.geometry = geometry
    inputTiles = WinogradTiles(geometry.input)
    outputTiles = WinogradTiles(geometry.output)
  }

  var name: String { "Winograd F(4×4,3×3)" }

  private var inputs: Int { geometry.input.channels }
  private var outputs: Int { geometry.output.channels }

  // MARK: Blocks

  /// Tiles of a block: enough to reuse transformed weights, few enough that the block's transformed
  /// tiles and products stay in the second-level cache.
  private var tilesPerBlock: Int {
    let floatsPerTile = WinogradTransforms.positions * (inputs + outputs)
    return min(192, max(48, Self.blockFloats / floatsPerTile))
  }

  private static let blockFloats = 128 * 1024

  private func blockScratch(_ images: Int, _ tiles: WinogradTiles) -> (tiles: Int, band: Int) {
    (tiles.capacity(images: images, limit: tilesPerBlock), tiles.bandCount(limit: tilesPerBlock))
  }

  // MARK: Weights

  var preparedWeightCount: Int { WinogradTransforms.positions * positionWeights }

  private var positionWeights: Int { inputs * outputs + Vector.lanes }

  func prepareForward(_ weights: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<Float>) {
    // Weights are [R, S, C, K]: channels of the output are contiguous.
    for input in 0..<inputs {
      var output = 0
      while output < outputs {
        let target =
          prepared
          + PanelProduct.panelOffset(step: input, column: output, steps: inputs, columns: outputs)
        let source = weights + input * outputs + output
        WinogradTransforms.twice(WinogradTransforms.weights) { row, column in
          source.vector(at: (3 * row + column) * inputs * outputs)
        } store: { row, column, value in
          target.store(value, at: (6 * row + column) * positionWeights)
        }
        output += Vector.lanes
      }
    }
  }

  func prepareBackwardData(
    _ weights: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<Float>
  ) {
    // Sixteen by sixteen filters at a time: rotated, transposed and transformed.
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 9 * 256) { turned in
      let turned = turned.baseAddress!
      var input = 0
      while input < inputs {
        var output = 0
        while output < outputs {
          for position in 0..<9 {
            transpose16(
              weights + ((8 - position) * inputs + input) * outputs + output, stride: outputs,
              into: turned + position * 256)
          }
          for row in 0..<Vector.lanes {
            let target =
              prepared
              + PanelProduct.panelOffset(
                step: output + row, column: input, steps: outputs, columns: inputs)
            let source = UnsafePointer(turned) + row * Vector.lanes
            WinogradTransforms.twice(WinogradTransforms.weights) { row, column in
              source.vector(at: (3 * row + column) * 256)
            } store: { row, column, value in
              target.store(value, at: (6 * row + column) * positionWeights)
            }
          }
          output += Vector.lanes
        }
        input += Vector.lanes
      }
    }
  }

  // MARK: Forward and backward-data

  func scratchCount(images: Int) -> Int {
    let input = blockScratch(images, inputTiles)
    let output = blockScratch(images, outputTiles)
    return WinogradTransforms.positions
      * (WinogradTiles.positionStride(input.tiles, inputs)
        + WinogradTiles.positionStride(input.tiles, outputs)) + max(input.band, output.band)
  }

  func forward(
    input: ImageTensor, prepared: UnsafePointer<Float>, output: ImageTensor,
    scratch: UnsafeMutablePointer<Float>
  ) {
    convolve(
      input, inputTiles, prepared, output, outputTiles, accumulate: false, scratch: scratch)
  }

  func backwardData(
    outputGradient: ImageTensor, prepared: UnsafePointer<Float>, inputGradient: ImageTensor,
    accumulate: Bool, scratch: UnsafeMutablePointer<Float>
  ) {
    convolve(
      outputGradient, outputTiles, prepared, inputGradient, inputTiles, accumulate: accumulate,
      scratch: scratch)
  }

  private func convolve(
    _ input: ImageTensor, _ inputTiles: WinogradTiles, _ prepared: UnsafePointer<Float>,
    _ output: ImageTensor, _ outputTiles: WinogradTiles, accumulate: Bool,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let inputs = input.channels
    let outputs = output.channels
    let limit = tilesPerBlock
    inputTiles.forEachBlock(images: 0..<input.images, limit: limit) { block in
      let transformed = scratch
      let inputStride = WinogradTiles.positionStride(block.tiles, inputs)
      let products = transformed + WinogradTransforms.positions * inputStride
      let outputStride = WinogradTiles.positionStride(block.tiles, outputs)
      let band = products + WinogradTransforms.positions * outputStride
      inputTiles.transformInput(
        input.base, block, into: transformed, stride: inputStride, band: band)
      for position in 0..<WinogradTransforms.positions {
        PanelProduct.multiply(
          m: block.tiles, n: outputs, k: inputs,
          a: .rows(transformed + position * inputStride, stride: inputs),
          b: prepared + position * positionWeights, c: products + position * outputStride,
          cStride: outputs)
      }
      outputTiles.transformOutput(
        products, stride: outputStride, block, channels: 0..<outputs, output: output.base,
        accumulate: accumulate)
    }
  }

  // MARK: Backward-weights

  /// Transformed gradients dU[36][C][K] in front of the blocks' scratch.
  private var transformedGradientCount: Int { WinogradTransforms.positions * positionWeights }

  func weightScratchCount(images: Int) -> Int {
    transformedGradientCount + scratchCount(images: images)
  }

  func accumulateWeightGradient(
    input: ImageTensor, outputGradient: ImageTensor, isFirst: Bool,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let sums = scratch
    var accumulate = !isFirst
    if isFirst, input.images == 0 {
      sums.update(repeating: 0, count: transformedGradientCount)
    }
    inputTiles.forEachBlock(images: 0..<input.images, limit: tilesPerBlock) { block in
      let transformed = scratch + transformedGradientCount
      let inputStride = WinogradTiles.positionStride(block.tiles, inputs)
      let gradients = transformed + WinogradTransforms.positions * inputStride
      let outputStride = WinogradTiles.positionStride(block.tiles, outputs)
      let band = gradients + WinogradTransforms.positions * outputStride
      inputTiles.transformInput(
        input.base, block, into: transformed, stride: inputStride, band: band)
      outputTiles.transformOutputGradient(
        outputGradient.base, block, into: gradients, stride: outputStride, band: band)
      for position in 0..<WinogradTransforms.positions {
        PanelProduct.multiply(
          m: inputs, n: outputs, k: block.tiles,
          a: .columns(transformed + position * inputStride, stride: inputs),
          b: gradients + position * outputStride, c: sums + position * positionWeights,
          cStride: outputs, accumulate: accumulate)
      }
      accumulate = true
    }
  }

  func finishWeightGradient(
    into weightGradient: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>
  ) {
    let sums = UnsafePointer(scratch)
    var offset = 0
    while offset < inputs * outputs {
      WinogradTransforms.twice(WinogradTransforms.weightGradient) { row, column in
        sums.vector(at: (6 * row + column) * positionWeights + offset)
      } store: { row, column, value in
        weightGradient.store(value, at: (3 * row + column) * inputs * outputs + offset)
      }
      offset += Vector.lanes
    }
  }
}
