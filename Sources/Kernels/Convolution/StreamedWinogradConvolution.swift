/// Winograd's F(4×4, 3×3) for filters that outgrow the caches.

import CProcessor
import Tensors

/// `WinogradConvolution` with its loops turned round: all tiles are transformed first, then a small
/// part of the filters at a time is transformed, multiplied with every tile and left behind.
///
/// Transformed, 512×512 filters take 37 MB, and writing and reading those took more time than the
/// products. Here a part of 64 × 32 filters stays in the second-level cache; so does such a part of
/// the transformed gradient until it has become a part of the filters' gradient.
struct StreamedWinogradConvolution: ConvolutionAlgorithm {
  let geometry: ConvolutionGeometry
  private let blocks: ChannelBlocks
  private let inputTiles: WinogradTiles
  private let outputTiles: WinogradTiles

  /// - Returns: nil where the algorithm does not fit the convolution.
  init?(_ geometry: ConvolutionGeometry) {
    guard geometry.isWinograd, let blocks = ChannelBlocks(geometry), blocks.isWhole else {
      return nil
    }
    self.geometry = geometry
    self.blocks = blocks
    inputTiles = WinogradTiles(geometry.input)
    outputTiles = WinogradTiles(geometry.output)
  }

  var name: String { "Winograd, streamed" }

  var streamsWeights: Bool { true }

  private var inputs: Int { geometry.input.channels }
  private var outputs: Int { geometry.output.channels }

  // MARK: Parts

  /// Rows of a part of the filters: input channels, or output channels in the pass to the data.
  private static let partRows = 64
  private static let partColumns = PanelProduct.panelColumns
  private static let positions = WinogradTransforms.positions

  /// Elements between the positions of a part.
  private static let partStride = WinogradTiles.positionStride(partRows, partColumns)

  /// Tiles that are transformed at once: their `channels` channels stay in the third-level cache.
  private func tileLimit(channels: Int) -> Int {
    max(16, Self.blockFloats / (Self.positions * channels))
  }

  private static let blockFloats = 1536 * 1024

  /// A part of a matrix of filters.
  private struct Part {
    var rows: Range<Int>
    var columns: Range<Int>

    /// Part `index` of a matrix of `rows` × `columns`, rows of a column first; nil behind the last.
    init?(_ index: Int, rows: Int, columns: Int) {
      let high = (rows + partRows - 1) / partRows
      let column = index / high * partColumns
      guard column < columns else { return nil }
      let row = index % high * partRows
      self.rows = row..<min(row + partRows, rows)
      self.columns = column..<min(column + partColumns, columns)
    }
  }

  /// Calls `body` for each part and the one behind it.
  @inline(__always)
  private func forEachPart(
    rows: Int, columns: Int, _ body: (_ part: Part, _ next: Part?) -> Void
  ) {
    var index = 0
    while let part = Part(index, rows: rows, columns: columns) {
      index += 1
      body(part, Part(index, rows: rows, columns: columns))
    }
  }

  /// Calls `body` for each line that the weights (or their gradients) of a part have in memory, as far
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
    into part: UnsafeMutablePointer<Float>, room: UnsafeMutablePointer<Float>
  ) {
    for input in inputs {
      let row = part + (input - inputs.lowerBound) * outputs.count
      for output in stride(from: outputs.lowerBound, to: outputs.upperBound, by: Vector.lanes) {
        let target = row + (output - outputs.lowerBound)
        WinogradTransforms.twice(room, WinogradTransforms.weights) { row, column in
          blocks.weights(
            weights, block: 0, position: 3 * row + column, input: input, output: output)
        } store: { row, column, value in
          target.store(value, at: (6 * row + column) * Self.partStride)
        }
      }
    }
  }

  /// U[36][outputs][inputs] of some filters, rotated and transposed.
  ///
  /// - Parameter turned: room for 9 × 16 × 16 weights.
  private func transformTransposed(
    _ weights: UnsafePointer<Float>, _ outputs: Range<Int>, _ inputs: Range<Int>,
    into part: UnsafeMutablePointer<Float>, room: UnsafeMutablePointer<Float>,
    turned: UnsafeMutablePointer<Float>
  ) {
    for output in stride(from: outputs.lowerBound, to: outputs.upperBound, by: Vector.lanes) {
      for input in stride(from: inputs.lowerBound, to: inputs.upperBound, by: Vector.lanes) {
        for position in 0..<9 {
          blocks.transposedWeights(
            weights, block: 0, position: 8 - position, input: input, output: output,
            into: turned + position * 256)
        }
        for lane in 0..<Vector.lanes {
          let target =
            part + (output + lane - outputs.lowerBound) * inputs.count + input - inputs.lowerBound
          let source = UnsafePointer(turned) + lane * Vector.lanes
          WinogradTransforms.twice(room, WinogradTransforms.weights) { row, column in
            source.vector(at: (3 * row + column) * 256)
          } store: { row, column, value in
            target.store(value, at: (6 * row + column) * Self.partStride)
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
    return tiles.bandCount + Self.turnedCount + Self.positions
      * (WinogradTiles.positionStride(capacity, tiles.shape.channels) + Self.partStride
        + WinogradTiles.positionStride(capacity, Self.partColumns))
  }

  private static let turnedCount = 9 * Vector.lanes * Vector.lanes

  func forward(
    input: ImageTensor, weights: UnsafePointer<Float>, output: ImageTensor,
    scratch: UnsafeMutablePointer<Float>
  ) {
    convolve(
      input, inputTiles, output, outputTiles, accumulate: false,
      scratch: scratch + Self.turnedCount
    ) { part, target, room in
      transform(weights, part.rows, part.columns, into: target, room: room)
    } fetch: { next, position in
      forEachLine(
        weights, inputs: next.rows, outputs: next.columns, position: position
      ) { prefetch_for_reading($0) }
    }
  }

  func backwardData(
    outputGradient: ImageTensor, weights: UnsafePointer<Float>, inputGradient: ImageTensor,
    accumulate: Bool, scratch: UnsafeMutablePointer<Float>
  ) {
    convolve(
      outputGradient, outputTiles, inputGradient, inputTiles, accumulate: accumulate,
      scratch: scratch + Self.turnedCount
    ) { part, target, room in
      transformTransposed(
        weights, part.rows, part.columns, into: target, room: room, turned: scratch)
    } fetch: { next, position in
      forEachLine(
        weights, inputs: next.columns, outputs: next.rows, position: position
      ) { prefetch_for_reading($0) }
    }
  }

  @inline(__always)
  private func convolve(
    _ input: ImageTensor, _ inputTiles: WinogradTiles, _ output: ImageTensor,
    _ outputTiles: WinogradTiles, accumulate: Bool, scratch: UnsafeMutablePointer<Float>,
    transform: (
      _ part: Part, _ target: UnsafeMutablePointer<Float>, _ room: UnsafeMutablePointer<Float>
    ) -> Void, fetch: (_ next: Part, _ position: Int) -> Void
  ) {
    let limit = tileLimit(channels: input.channels)
    let band = scratch
    let filters = band + inputTiles.bandCount
    let transformed = filters + Self.positions * Self.partStride
    inputTiles.forEachBlock(images: 0..<input.images, limit: limit) { block in
      let stride = WinogradTiles.positionStride(block.tiles, input.channels)
      inputTiles.transformInput(
        input.base, block, channels: 0..<input.channels, parts: Self.partRows, into: transformed,
        stride: stride, band: band)
      let products = transformed + Self.positions * stride
      let productStride = WinogradTiles.positionStride(block.tiles, Self.partColumns)
      forEachPart(rows: input.channels, columns: output.channels) { part, next in
        WinogradTransforms.withRoom { room in transform(part, filters, room) }
        for position in 0..<Self.positions {
          // The next part's weights come from memory while the products keep the core busy.
          if let next { fetch(next, position) }
          PanelProduct.multiply(
            m: block.tiles, n: part.columns.count, k: part.rows.count,
            a: .rows(
              transformed + (position * stride + part.rows.lowerBound * block.tiles),
              stride: part.rows.count),
            b: filters + position * Self.partStride, c: products + position * productStride,
            cStride: part.columns.count, accumulate: part.rows.lowerBound > 0)
        }
        if part.rows.upperBound == input.channels {
          outputTiles.transformOutput(
            products, stride: productStride, block, channels: part.columns, output: output.base,
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
      * (Self.partStride + WinogradTiles.positionStride(capacity, inputs)
        + WinogradTiles.positionStride(capacity, outputs))
  }

  func addWeightGradient(
    input: ImageTensor, outputGradient: ImageTensor,
    into weightGradient: UnsafeMutablePointer<Float>, isFirst: Bool, isLast: Bool,
    scratch: UnsafeMutablePointer<Float>
  ) {
    if isFirst, input.images == 0 {
      weightGradient.update(repeating: 0, count: geometry.weightCount)
    }
    let limit = weightTileLimit
    let sums = scratch
    let inputBand = sums + Self.positions * Self.partStride
    let outputBand = inputBand + inputTiles.bandCount
    let transformed = outputBand + outputTiles.bandCount
    var accumulate = !isFirst
    inputTiles.forEachBlock(images: 0..<input.images, limit: limit) { block in
      let inputStride = WinogradTiles.positionStride(block.tiles, inputs)
      let gradients = transformed + Self.positions * inputStride
      let outputStride = WinogradTiles.positionStride(block.tiles, outputs)
      inputTiles.transformInput(
        input.base, block, channels: 0..<inputs, parts: Self.partRows, into: transformed,
        stride: inputStride, band: inputBand)
      outputTiles.transformOutputGradient(
        outputGradient.base, block, channels: 0..<outputs, panels: outputs, into: gradients,
        stride: outputStride, band: outputBand)
      forEachPart(rows: inputs, columns: outputs) { part, _ in
        for position in 0..<Self.positions {
          forEachLine(
            weightGradient, inputs: part.rows, outputs: part.columns, position: position
          ) { prefetch_for_writing($0) }
          PanelProduct.multiply(
            m: part.rows.count, n: part.columns.count, k: block.tiles,
            a: .columns(
              transformed + (position * inputStride + part.rows.lowerBound * block.tiles),
              stride: part.rows.count),
            b: gradients + (position * outputStride + part.columns.lowerBound * block.tiles),
            c: sums + position * Self.partStride, cStride: part.columns.count)
        }
        storeGradient(sums, part, into: weightGradient, accumulate: accumulate)
      }
      accumulate = true
    }
  }

  /// dg = Gᵀ m G of a part of the filters, written or added to the gradient.
  private func storeGradient(
    _ sums: UnsafePointer<Float>, _ part: Part, into weightGradient: UnsafeMutablePointer<Float>,
    accumulate: Bool
  ) {
    let (rows, columns) = (part.rows, part.columns)
    WinogradTransforms.withRoom { room in
      for input in rows {
        for output in stride(from: columns.lowerBound, to: columns.upperBound, by: Vector.lanes) {
          let source =
            sums + (input - rows.lowerBound) * columns.count + output - columns.lowerBound
          let target = weightGradient + (input * outputs + output)
          WinogradTransforms.twice(room, WinogradTransforms.weightGradient) { row, column in
            source.vector(at: (6 * row + column) * Self.partStride)
          } store: { row, column, value in
            let offset = (3 * row + column) * inputs * outputs
            target.store(accumulate ? target.vector(at: offset) + value : value, at: offset)
          }
        }
      }
    }
  }
}
