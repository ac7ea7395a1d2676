/// Winograd's minimal filtering for filters that outgrow the caches.

import CProcessor
import Tensors

/// `WinogradConvolution` with its loops interchanged: all tiles are transformed first, then a small
/// panel of the filters at a time is transformed, multiplied with every tile and dropped.
///
/// Transformed by F(4×4), 512×512 filters take 37 MB, and writing and reading those took more time than the
/// products. Here a panel of 64 × 32 filters stays in the second-level cache; so does such a panel of
/// the transformed gradient until it has become a panel of the filters' gradient. Where tiles come in several
/// blocks, which then read all filters each, transforming them once is faster after all.
protocol StreamedWinogradConvolution: WinogradAlgorithm {}

/// By F(4×4, 3×3).
struct StreamedWinogradF4Convolution: StreamedWinogradConvolution {
  let parts: WinogradParts<WinogradF4>
}

/// By F(2×2, 3×3).
struct StreamedWinogradF2Convolution: StreamedWinogradConvolution {
  let parts: WinogradParts<WinogradF2>
}

/// A panel of a matrix of filters.
private struct FilterPanel {
  /// Rows of a panel: input channels, or output channels in the pass to the data.
  static var mostRows: Int { 64 }
  static var mostColumns: Int { PackedGEMM.nr }

  var rows: Range<Int>
  var columns: Range<Int>

  static func count(rows: Int, columns: Int) -> Int {
    (rows + mostRows - 1) / mostRows * ((columns + mostColumns - 1) / mostColumns)
  }

  /// Panel `index` of a matrix of `rows` × `columns`, rows of a column first; nil after the last.
  init?(_ index: Int, rows: Int, columns: Int) {
    let high = (rows + Self.mostRows - 1) / Self.mostRows
    let column = index / high * Self.mostColumns
    guard column < columns else { return nil }
    let row = index % high * Self.mostRows
    self.rows = row..<min(row + Self.mostRows, rows)
    self.columns = column..<min(column + Self.mostColumns, columns)
  }
}

extension StreamedWinogradConvolution {
  static func fits(_ blocks: ChannelBlocks) -> Bool { blocks.isWhole }

  var name: String { Transform.name + ", streamed" }

  var streamsWeights: Bool { true }

  private var inputs: Int { geometry.input.channels }
  private var outputs: Int { geometry.output.channels }

  // MARK: Parts

  private static var positions: Int { Transform.positions }

  /// Factors of filters between the positions of a panel.
  private static var panelStride: Int { sumStride / Factor.elements }

  /// Floats between the positions of a panel's gradient.
  private static var sumStride: Int {
    Tiles.positionStride(FilterPanel.mostRows, FilterPanel.mostColumns, of: Float.self)
  }

  /// Tiles that are transformed at once: their `channels` channels stay in the third-level cache.
  private func tileLimit(channels: Int) -> Int {
    max(16, ReproducibleBlocking.streamedTiles / (Self.positions * Transform.floats(channels)))
  }

  /// Calls `body` for each panel, with its index and the one after it.
  @inline(__always)
  private func forEachPanel(
    rows: Int, columns: Int,
    _ body: (_ index: Int, _ panel: FilterPanel, _ next: FilterPanel?) -> Void
  ) {
    var index = 0
    while let panel = FilterPanel(index, rows: rows, columns: columns) {
      body(index, panel, FilterPanel(index + 1, rows: rows, columns: columns))
      index += 1
    }
  }

  /// Factors of a transformed panel.
  private static var panelCount: Int { positions * panelStride }

  /// Transformed panels that are held at once: all of them where several blocks of tiles read them.
  private func heldPanels(images: Int, _ tiles: Tiles, limit: Int) -> Int {
    tiles.capacity(images: images, limit: limit) < images * tiles.tilesPerImage
      ? FilterPanel.count(
        rows: tiles.shape.channels, columns: inputs + outputs - tiles.shape.channels) : 1
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

  /// U of some filters, [positions][steps of inputs][outputs].
  private func transform(
    _ weights: UnsafePointer<Float>, _ inputs: Range<Int>, _ outputs: Range<Int>,
    into panel: UnsafeMutablePointer<Factor>, buffer: UnsafeMutablePointer<Float>
  ) {
    for input in stride(from: inputs.lowerBound, to: inputs.upperBound, by: Factor.elements) {
      let row = panel + (input - inputs.lowerBound) / Factor.elements * outputs.count
      for output in stride(from: outputs.lowerBound, to: outputs.upperBound, by: Vector.lanes) {
        Transform.weights(
          buffer, to: row + (output - outputs.lowerBound), stride: Self.panelStride
        ) { element, row, column in
          blocks.weights(
            weights, block: 0, position: 3 * row + column, input: input + element, output: output)
        }
      }
    }
  }

  /// U of some filters, rotated and transposed, [positions][steps of outputs][inputs].
  private func transformTransposed(
    _ weights: UnsafePointer<Float>, _ outputs: Range<Int>, _ inputs: Range<Int>,
    into panel: UnsafeMutablePointer<Factor>, buffer: UnsafeMutablePointer<Float>,
    transposed: UnsafeMutablePointer<Float>
  ) {
    for output in stride(from: outputs.lowerBound, to: outputs.upperBound, by: Vector.lanes) {
      for input in stride(from: inputs.lowerBound, to: inputs.upperBound, by: Vector.lanes) {
        blocks.rotatedFilters(weights, block: 0, input: input, output: output, into: transposed)
        for lane in stride(from: 0, to: Vector.lanes, by: Factor.elements) {
          let step = (output + lane - outputs.lowerBound) / Factor.elements
          Transform.weights(
            buffer, to: panel + step * inputs.count + input - inputs.lowerBound,
            stride: Self.panelStride
          ) { element, row, column in
            transposed.vector(at: (3 * row + column) * 256 + (lane + element) * Vector.lanes)
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

  private func scratchCount(images: Int, _ tiles: Tiles) -> Int {
    let limit = tileLimit(channels: tiles.shape.channels)
    let capacity = tiles.capacity(images: images, limit: limit)
    return tiles.bandCount + Self.transposedCount + Self.positions
      * (Self.transformedFloats(capacity, tiles.shape.channels)
        + Tiles.positionStride(capacity, FilterPanel.mostColumns, of: Float.self))
      + heldPanels(images: images, tiles, limit: limit) * Self.panelCount
  }

  private static var transposedCount: Int { 9 * Vector.lanes * Vector.lanes }

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
    _ input: TensorView<Element>, _ inputTiles: Tiles, _ output: TensorView<Element>,
    _ outputTiles: Tiles, accumulate: Bool, scratch: UnsafeMutablePointer<Float>,
    transform: (
      _ panel: FilterPanel, _ target: UnsafeMutablePointer<Factor>,
      _ buffer: UnsafeMutablePointer<Float>
    ) -> Void, fetch: (_ next: FilterPanel, _ position: Int) -> Void
  ) {
    let limit = tileLimit(channels: input.channels)
    let band = scratch
    let held = heldPanels(images: input.images, inputTiles, limit: limit)
    // A factor has a float's size.
    let panels = band + inputTiles.bandCount + held * Self.panelCount
    let transformed = panels.elements(of: Transform.Number.self)
    var isFirst = true
    inputTiles.forEachBlock(images: 0..<input.images, limit: limit) { block in
      let stride = Tiles.tileStride(block.tiles, channels: input.channels)
      inputTiles.transformInput(
        input.base, block, channels: 0..<input.channels, parts: FilterPanel.mostRows,
        into: transformed,
        stride: stride, band: band)
      let products =
        panels + Self.positions * Self.transformedFloats(block.tiles, input.channels)
      let productStride = Tiles.positionStride(
        block.tiles, FilterPanel.mostColumns, of: Float.self)
      forEachPanel(rows: input.channels, columns: output.channels) { index, panel, next in
        let place = band + inputTiles.bandCount + index % held * Self.panelCount
        let filters = place.factors(of: Transform.Number.self)
        if isFirst { WinogradScratch.withAligned { buffer in transform(panel, filters, buffer) } }
        for position in 0..<Self.positions {
          // The next panel comes from memory while the products keep the core busy.
          if let next {
            if isFirst {
              fetch(next, position)
            } else {
              Self.fetch(place + Self.panelCount + position * Self.panelStride)
            }
          }
          PackedGEMM.multiply(
            m: block.tiles, n: panel.columns.count, k: panel.rows.count / Factor.elements,
            a: .rows(
              transformed + (position * stride + panel.rows.lowerBound * block.tiles),
              stride: panel.rows.count),
            b: UnsafePointer(filters) + position * Self.panelStride,
            c: products + position * productStride,
            cStride: panel.columns.count, accumulate: panel.rows.lowerBound > 0)
        }
        if panel.rows.upperBound == input.channels {
          outputTiles.transformOutput(
            products, stride: productStride, block, channels: panel.columns, output: output.base,
            accumulate: accumulate)
        }
      }
      isFirst = held == 1
    }
  }

  /// Fetches a transformed panel's filters of one position.
  @inline(__always)
  private static func fetch(_ filters: UnsafePointer<Float>) {
    for line in stride(from: 0, to: panelStride, by: Vector.lanes) {
      prefetch_for_reading(filters + line)
    }
  }

  // MARK: Backward-weights

  private var weightTileLimit: Int { tileLimit(channels: max(inputs, outputs)) }

  func weightScratchCount(images: Int) -> Int {
    let limit = weightTileLimit
    let capacity = inputTiles.capacity(images: images, limit: limit)
    return inputTiles.bandCount + outputTiles.bandCount
      + Tiles.pairCount(channels: max(inputs, outputs))
      + Self.positions
      * (Self.sumStride + Self.transformedFloats(capacity, inputs)
        + Self.transformedFloats(capacity, outputs))
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
    let inputBand = sums + Self.positions * Self.sumStride
    let outputBand = inputBand + inputTiles.bandCount
    let pairs = outputBand + outputTiles.bandCount
    let transformed =
      (pairs + Tiles.pairCount(channels: max(inputs, outputs)))
      .factors(of: Transform.Number.self)
    var accumulate = !isFirst
    inputTiles.forEachBlock(images: 0..<input.images, limit: limit) { block in
      let steps = PackedGEMM.steps(block.tiles, Factor.self)
      let inputStride = Self.transformedFloats(block.tiles, inputs)
      let gradients = transformed + Self.positions * inputStride
      let outputStride = Self.transformedFloats(block.tiles, outputs)
      inputTiles.transformInputFactors(
        input.base, block, channels: 0..<inputs, parts: FilterPanel.mostRows, into: transformed,
        stride: inputStride, band: inputBand, pairs: pairs)
      outputTiles.transformOutputGradient(
        outputGradient.base, block, channels: 0..<outputs, panels: outputs, into: gradients,
        stride: outputStride, band: outputBand, pairs: pairs)
      forEachPanel(rows: inputs, columns: outputs) { _, panel, _ in
        for position in 0..<Self.positions {
          forEachLine(
            weightGradient, inputs: panel.rows, outputs: panel.columns, position: position
          ) { prefetch_for_writing($0) }
          PackedGEMM.multiply(
            m: panel.rows.count, n: panel.columns.count, k: steps,
            a: .columns(
              UnsafePointer(transformed)
                + (position * inputStride + panel.rows.lowerBound * steps),
              stride: panel.rows.count),
            b: UnsafePointer(gradients)
              + (position * outputStride + panel.columns.lowerBound * steps),
            c: sums + position * Self.sumStride, cStride: panel.columns.count)
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
    WinogradScratch.withAligned { buffer in
      for input in rows {
        for output in stride(from: columns.lowerBound, to: columns.upperBound, by: Vector.lanes) {
          let source =
            sums + (input - rows.lowerBound) * columns.count + output - columns.lowerBound
          let target = weightGradient + (input * outputs + output)
          Transform.weightGradient(buffer) { row, column in
            source.vector(at: (Transform.inputSide * row + column) * Self.sumStride)
          } store: { row, column, value in
            let offset = (3 * row + column) * inputs * outputs
            target.store(accumulate ? target.vector(at: offset) + value : value, at: offset)
          }
        }
      }
    }
  }
}
