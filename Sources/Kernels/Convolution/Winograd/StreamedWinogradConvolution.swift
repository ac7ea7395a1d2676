/// Winograd's F(4×4, 3×3) for filters that outgrow the caches.

import CProcessor
import Tensors

/// `WinogradConvolution` with its loops interchanged: all tiles are transformed first, then a small
/// panel of the filters at a time is transformed, multiplied with every tile and dropped.
///
/// Transformed, 512×512 filters take 37 MB, and writing and reading those took more time than the
/// products. Here a panel of 64 × 32 filters stays in the second-level cache; so does such a panel of
/// the transformed gradient until it has become a panel of the filters' gradient.
struct StreamedWinogradConvolution: TypedConvolutionAlgorithm {
  let geometry: ConvolutionGeometry
  /// Of images in memory; transformed tiles and filters are Float.
  let element: ElementType
  private let blocks: ChannelBlocks
  private let inputTiles: WinogradTiles
  private let outputTiles: WinogradTiles

  /// - Returns: nil where the algorithm does not fit the convolution.
  init?(_ geometry: ConvolutionGeometry, _ element: ElementType) {
    guard geometry.isWinograd, let blocks = ChannelBlocks(geometry), blocks.isWhole else {
      return nil
    }
    self.geometry = geometry
    self.element = element
    self.blocks = blocks
    inputTiles = WinogradTiles(geometry.input)
    outputTiles = WinogradTiles(geometry.output)
  }

  var name: String { "Winograd, streamed" }

  var relativeErrorBound: Double { geometry.winogradErrorBound }

  var streamsWeights: Bool { true }

  private var inputs: Int { geometry.input.channels }
  private var outputs: Int { geometry.output.channels }

  // MARK: Parts

  /// Rows of a panel of the filters: input channels, or output channels in the pass to the data.
  private static let panelRows = 64
  private static let panelColumns = PackedGEMM.nr
  private static let positions = WinogradTransforms.positions

  /// Elements between the positions of a panel.
  private static let panelStride = WinogradTiles.positionStride(panelRows, panelColumns)

  /// Tiles that are transformed at once: their `channels` channels stay in the third-level cache.
  private func tileLimit(channels: Int) -> Int {
    max(16, ReproducibleBlocking.streamedTiles / (Self.positions * channels))
  }

  /// A panel of a matrix of filters.
  private struct FilterPanel {
    var rows: Range<Int>
    var columns: Range<Int>

    /// Panel `index` of a matrix of `rows` × `columns`, rows of a column first; nil after the last.
    init?(_ index: Int, rows: Int, columns: Int) {
      let high = (rows + panelRows - 1) / panelRows
      let column = index / high * panelColumns
      guard column < columns else { return nil }
      let row = index % high * panelRows
      self.rows = row..<min(row + panelRows, rows)
      self.columns = column..<min(column + panelColumns, columns)
    }
  }

  /// Calls `body` for each panel and the one after it.
  @inline(__always)
  private func forEachPanel(
    rows: Int, columns: Int, _ body: (_ panel: FilterPanel, _ next: FilterPanel?) -> Void
  ) {
    var index = 0
    while let panel = FilterPanel(index, rows: rows, columns: columns) {
      index += 1
      body(panel, FilterPanel(index, rows: rows, columns: columns))
    }
  }

  /// Calls `body` for each line that the weights (or their gradients) of a panel have in memory, as far
  /// as it belongs to `position`'s share of the products.
  @inline(__always)
  private func forEachLine(
    _ weights: UnsafePointer<Float>, inputs range: Range<Int>, outputs columns: Range<Int>,
    position: Int, _ body: (UnsafePointer<Float>) -> Void
  ) {
    for row in (0..<9 * range.count).part(position, of: Self.positions) {
      let (filterPosition, input) = row.quotientAndRemainder(dividingBy: range.count)
      let start = weights + (filterPosition * inputs + range.lowerBound + input) * outputs
      for column in stride(from: columns.lowerBound, to: columns.upperBound, by: Vector.lanes) {
        body(start + column)
      }
    }
  }

  // MARK: Weights

  /// U[36][inputs][outputs] of some filters.
  private func transform(
    _ weights: UnsafePointer<Float>, _ inputs: Range<Int>, _ outputs: Range<Int>,
    into panel: UnsafeMutablePointer<Float>, buffer: UnsafeMutablePointer<Float>
  ) {
    for input in inputs {
      let row = panel + (input - inputs.lowerBound) * outputs.count
      for output in stride(from: outputs.lowerBound, to: outputs.upperBound, by: Vector.lanes) {
        let target = row + (output - outputs.lowerBound)
        WinogradTransforms.transform2D(buffer, WinogradTransforms.weights) { row, column in
          blocks.weights(
            weights, block: 0, position: 3 * row + column, input: input, output: output)
        } store: { row, column, value in
          target.store(value, at: (6 * row + column) * Self.panelStride)
        }
      }
    }
  }

  /// U[36][outputs][inputs] of some filters, rotated and transposed.
  ///
  /// - Parameter transposed: scratch for 9 × 16 × 16 weights.
  private func transformTransposed(
    _ weights: UnsafePointer<Float>, _ outputs: Range<Int>, _ inputs: Range<Int>,
    into panel: UnsafeMutablePointer<Float>, buffer: UnsafeMutablePointer<Float>,
    transposed: UnsafeMutablePointer<Float>
  ) {
    for output in stride(from: outputs.lowerBound, to: outputs.upperBound, by: Vector.lanes) {
      for input in stride(from: inputs.lowerBound, to: inputs.upperBound, by: Vector.lanes) {
        for position in 0..<9 {
          blocks.transposedWeights(
            weights, block: 0, position: 8 - position, input: input, output: output,
            into: transposed + position * 256)
        }
        for lane in 0..<Vector.lanes {
          let target =
            panel + (output + lane - outputs.lowerBound) * inputs.count + input - inputs.lowerBound
          let source = UnsafePointer(transposed) + lane * Vector.lanes
          WinogradTransforms.transform2D(buffer, WinogradTransforms.weights) { row, column in
            source.vector(at: (3 * row + column) * 256)
          } store: { row, column, value in
            target.store(value, at: (6 * row + column) * Self.panelStride)
          }
        }
      }
    }
  }

  // MARK: Forward and backward-data

  func scratchCount(images: Int) -> Int {
    max(
      scratchCount(images: images, inputTiles), scratchCount(images: images, outputTiles))
  }

  private func scratchCount(images: Int, _ tiles: WinogradTiles) -> Int {
    let limit = tileLimit(channels: tiles.shape.channels)
    let capacity = tiles.capacity(images: images, limit: limit)
    return tiles.bandCount + Self.transposedCount + Self.positions
      * (WinogradTiles.positionStride(capacity, tiles.shape.channels) + Self.panelStride
        + WinogradTiles.positionStride(capacity, Self.panelColumns))
  }

  private static let transposedCount = 9 * Vector.lanes * Vector.lanes

  func forward<Element: KernelElement>(
    _ input: TensorView<Element>, _ weights: UnsafePointer<Float>, _ output: TensorView<Element>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    convolve(
      input, inputTiles, output, outputTiles, accumulate: false,
      scratch: scratch + Self.transposedCount
    ) { panel, target, buffer in
      transform(weights, panel.rows, panel.columns, into: target, buffer: buffer)
    } fetch: { next, position in
      forEachLine(
        weights, inputs: next.rows, outputs: next.columns, position: position
      ) { prefetch_for_reading($0) }
    }
  }

  func backwardData<Element: KernelElement>(
    _ outputGradient: TensorView<Element>, _ weights: UnsafePointer<Float>,
    _ inputGradient: TensorView<Element>, accumulate: Bool, scratch: UnsafeMutablePointer<Float>
  ) {
    convolve(
      outputGradient, outputTiles, inputGradient, inputTiles, accumulate: accumulate,
      scratch: scratch + Self.transposedCount
    ) { panel, target, buffer in
      transformTransposed(
        weights, panel.rows, panel.columns, into: target, buffer: buffer, transposed: scratch)
    } fetch: { next, position in
      forEachLine(
        weights, inputs: next.columns, outputs: next.rows, position: position
      ) { prefetch_for_reading($0) }
    }
  }

  @inline(__always)
  private func convolve<Element: KernelElement>(
    _ input: TensorView<Element>, _ inputTiles: WinogradTiles, _ output: TensorView<Element>,
    _ outputTiles: WinogradTiles, accumulate: Bool, scratch: UnsafeMutablePointer<Float>,
    transform: (
      _ panel: FilterPanel, _ target: UnsafeMutablePointer<Float>,
      _ buffer: UnsafeMutablePointer<Float>
    ) -> Void, fetch: (_ next: FilterPanel, _ position: Int) -> Void
  ) {
    let limit = tileLimit(channels: input.channels)
    let band = scratch
    let filters = band + inputTiles.bandCount
    let transformed = filters + Self.positions * Self.panelStride
    inputTiles.forEachBlock(images: 0..<input.images, limit: limit) { block in
      let stride = WinogradTiles.positionStride(block.tiles, input.channels)
      inputTiles.transformInput(
        input.base, block, channels: 0..<input.channels, parts: Self.panelRows, into: transformed,
        stride: stride, band: band)
      let products = transformed + Self.positions * stride
      let productStride = WinogradTiles.positionStride(block.tiles, Self.panelColumns)
      forEachPanel(rows: input.channels, columns: output.channels) { panel, next in
        WinogradTransforms.withAlignedScratch { buffer in transform(panel, filters, buffer) }
        for position in 0..<Self.positions {
          // The next panel's weights come from memory while the products keep the core busy.
          if let next { fetch(next, position) }
          PackedGEMM.multiply(
            m: block.tiles, n: panel.columns.count, k: panel.rows.count,
            a: .rows(
              transformed + (position * stride + panel.rows.lowerBound * block.tiles),
              stride: panel.rows.count),
            b: filters + position * Self.panelStride, c: products + position * productStride,
            cStride: panel.columns.count, accumulate: panel.rows.lowerBound > 0)
        }
        if panel.rows.upperBound == input.channels {
          outputTiles.transformOutput(
            products, stride: productStride, block, channels: panel.columns, output: output.base,
            accumulate: accumulate)
        }
      }
    }
  }

  // MARK: Backward-weights

  private var weightTileLimit: Int { tileLimit(channels: max(inputs, outputs)) }

  func weightScratchCount(images: Int) -> Int {
    let limit = weightTileLimit
    let capacity = inputTiles.capacity(images: images, limit: limit)
    return inputTiles.bandCount + outputTiles.bandCount
      + Self.positions
      * (Self.panelStride + WinogradTiles.positionStride(capacity, inputs)
        + WinogradTiles.positionStride(capacity, outputs))
  }

  func addWeightGradient<Element: KernelElement>(
    _ input: TensorView<Element>, _ outputGradient: TensorView<Element>,
    into weightGradient: UnsafeMutablePointer<Float>, isFirst: Bool, isLast: Bool,
    scratch: UnsafeMutablePointer<Float>
  ) {
    if isFirst, input.images == 0 {
      weightGradient.update(repeating: 0, count: geometry.weightCount)
    }
    let limit = weightTileLimit
    let sums = scratch
    let inputBand = sums + Self.positions * Self.panelStride
    let outputBand = inputBand + inputTiles.bandCount
    let transformed = outputBand + outputTiles.bandCount
    var accumulate = !isFirst
    inputTiles.forEachBlock(images: 0..<input.images, limit: limit) { block in
      let inputStride = WinogradTiles.positionStride(block.tiles, inputs)
      let gradients = transformed + Self.positions * inputStride
      let outputStride = WinogradTiles.positionStride(block.tiles, outputs)
      inputTiles.transformInput(
        input.base, block, channels: 0..<inputs, parts: Self.panelRows, into: transformed,
        stride: inputStride, band: inputBand)
      outputTiles.transformOutputGradient(
        outputGradient.base, block, channels: 0..<outputs, panels: outputs, into: gradients,
        stride: outputStride, band: outputBand)
      forEachPanel(rows: inputs, columns: outputs) { panel, _ in
        for position in 0..<Self.positions {
          forEachLine(
            weightGradient, inputs: panel.rows, outputs: panel.columns, position: position
          ) { prefetch_for_writing($0) }
          PackedGEMM.multiply(
            m: panel.rows.count, n: panel.columns.count, k: block.tiles,
            a: .columns(
              transformed + (position * inputStride + panel.rows.lowerBound * block.tiles),
              stride: panel.rows.count),
            b: gradients + (position * outputStride + panel.columns.lowerBound * block.tiles),
            c: sums + position * Self.panelStride, cStride: panel.columns.count)
        }
        storeGradient(sums, panel, into: weightGradient, accumulate: accumulate)
      }
      accumulate = true
    }
  }

  /// dg = Gᵀ m G of a panel of the filters, written or added to the gradient.
  private func storeGradient(
    _ sums: UnsafePointer<Float>, _ panel: FilterPanel,
    into weightGradient: UnsafeMutablePointer<Float>,
    accumulate: Bool
  ) {
    let (rows, columns) = (panel.rows, panel.columns)
    WinogradTransforms.withAlignedScratch { buffer in
      for input in rows {
        for output in stride(from: columns.lowerBound, to: columns.upperBound, by: Vector.lanes) {
          let source =
            sums + (input - rows.lowerBound) * columns.count + output - columns.lowerBound
          let target = weightGradient + (input * outputs + output)
          WinogradTransforms.transform2D(buffer, WinogradTransforms.weightGradient) { row, column in
            source.vector(at: (6 * row + column) * Self.panelStride)
          } store: { row, column, value in
            let offset = (3 * row + column) * inputs * outputs
            target.store(accumulate ? target.vector(at: offset) + value : value, at: offset)
          }
        }
      }
    }
  }
}
