/// Strided, narrow and large-filter convolution as products of windows that are read in place.

import Tensors

/// Matrix products without a copy for each filter position (implicit GEMM).
///
/// In zero-padded NHWC rows the S·C elements of one filter row are contiguous, so an output row is a
/// product whose operand A has R segments of S·C steps:
///   forward:           Y[row]  = Σᵣ X[row·stride + r] · W[r]
///   backward-weights:  dW[r]   = Σ over rows of X[row·stride + r]ᵀ · dY[row]
/// In the backward pass to the data, inputs whose row and column are equal modulo the stride see the same
/// filter positions: each of these phases is a convolution of dY with stride 1.
///
/// Where two elements are a factor and S·C is odd, as in a network's first layer, a segment is completed with
/// an element of the next pixel, whose weight is zero.
///
/// Blocks of channels pass one after the other through each band, while its rows are in the cache.
struct ImplicitGEMMConvolution: DirectConvolutionAlgorithm {
  let geometry: ConvolutionGeometry
  let arithmetic: ProductArithmetic
  private let blocks: ChannelBlocks
  /// For the gradients of input channels that fill no vectors, which only inner layers would need, and for
  /// weight gradients of many channels that are multiplied in pairs: neighbouring pixels are no pairs in
  /// memory.
  private let patches: Im2colConvolution?
  private let inputRows: PaddedRows
  private let gradientRows: PaddedRows

  /// - Returns: nil where the algorithm does not fit the convolution.
  init?(_ geometry: ConvolutionGeometry, _ arithmetic: ProductArithmetic) {
    guard
      geometry.padding < min(geometry.kernelHeight, geometry.kernelWidth),
      let blocks = ChannelBlocks(geometry)
    else { return nil }
    let fillsVectors = geometry.input.channels % Vector.lanes == 0
    self.geometry = geometry
    self.arithmetic = arithmetic
    self.blocks = blocks
    patches =
      fillsVectors && arithmetic == .float32 ? nil : Im2colConvolution(geometry, arithmetic)
    let width = geometry.kernelWidth
    inputRows = PaddedRows(
      shape: geometry.input.with(channels: blocks.inputs), left: geometry.padding,
      right: width + Self.slack)
    let margin = Self.margin(width, geometry.stride)
    gradientRows = PaddedRows(
      shape: geometry.output.with(channels: blocks.outputs), left: margin, right: margin)
    // Windows begin with whole factors.
    guard geometry.stride * blocks.inputs % factorElements == 0,
      inputRows.pitch % factorElements == 0
    else { return nil }
  }

  var name: String { "implicit GEMM" }

  /// Whether reading windows in place is faster than copying them: output rows divide into whole register
  /// tiles, or each block would copy a line of each pixel for every filter position.
  var paysOff: Bool {
    let width = geometry.output.width
    return blocks.count > 1 || width % 8 == 0 || (width % 4 == 0 && width > 24)
  }

  /// Pixels after a row that products of whole tiles and vectors read and whose results are not used.
  private static let slack = 4

  /// Channels of a block.
  private var inputs: Int { blocks.inputs }
  private var outputs: Int { blocks.outputs }
  /// Elements of a filter row, S·C.
  private var rowElements: Int { geometry.kernelWidth * inputs }

  /// Factors of a filter row.
  private var rowSteps: Int { steps(rowElements) }

  // MARK: Bands

  /// Floats of a band: several of them stay in the second-level cache.
  private static var bandFloats: Int { KernelTarget.compiled.l2 * 3 / 32 }

  /// Elements of a band.
  private var bandElements: Int { Self.bandFloats * factorElements }

  /// Pixels of a band's outputs where there are several blocks: a row's. The next block reads the lines
  /// beside those of this one, so few of them pass in between.
  private static let pixelsOfBlock = 14

  /// Output rows whose input rows make up a band.
  private var rowsPerBlock: Int {
    let rows =
      blocks.count > 1
      ? Self.pixelsOfBlock / geometry.output.width
      : (bandElements / inputRows.pitch - geometry.kernelHeight) / geometry.stride + 1
    return min(max(1, rows), geometry.output.height)
  }

  private func bandRows(_ outputRows: Int) -> Int {
    (outputRows - 1) * geometry.stride + geometry.kernelHeight
  }

  private var bandCount: Int { (bandRows(rowsPerBlock) + 1) * inputRows.pitch }

  /// Calls `body(image, output rows, block)` with the band of the block's input that the rows read.
  @inline(__always)
  private func forEachBand<Element: KernelElement>(
    _ input: TensorView<Element>, _ band: UnsafeMutablePointer<Element>,
    _ body: (_ image: Int, _ outputRows: Range<Int>, _ block: Int) -> Void
  ) {
    inputRows.clearSides(band, rows: bandRows(rowsPerBlock) + 1)
    let height = geometry.output.height
    for image in 0..<input.images {
      for row in stride(from: 0, to: height, by: rowsPerBlock) {
        let rows = row..<min(row + rowsPerBlock, height)
        let first = rows.lowerBound * geometry.stride - geometry.padding
        for block in 0..<blocks.count {
          inputRows.fill(
            input.base + image * input.shape.count + block * inputs, pixelStride: input.channels,
            rows: first..<first + bandRows(rows.count), into: band)
          body(image, rows, block)
        }
      }
    }
  }

  // MARK: Phases

  /// One residue class of input positions modulo the stride.
  ///
  /// The input at `offset` + i · stride contributes to output i + `shift` + j through filter position
  /// `first` − j · stride, for j in 0..<`taps`.
  private struct Phase {
    let offset: Int
    let first: Int
    let taps: Int
    let shift: Int

    init(_ offset: Int, kernel: Int, padding: Int, stride: Int) {
      let remainder = (offset + padding) % stride
      let first =
        remainder < kernel ? remainder + (kernel - 1 - remainder) / stride * stride : -1
      self.offset = offset
      self.first = first
      taps = first < 0 ? 0 : first / stride + 1
      shift = (offset + padding - first) / stride
    }
  }

  private func rowPhase(_ offset: Int) -> Phase {
    Phase(
      offset, kernel: geometry.kernelHeight, padding: geometry.padding, stride: geometry.stride)
  }

  private func columnPhase(_ offset: Int) -> Phase {
    Phase(
      offset, kernel: geometry.kernelWidth, padding: geometry.padding, stride: geometry.stride)
  }

  /// Calls `body` for each pair of phases with the offset of its weights.
  @inline(__always)
  private func forEachPhase(_ body: (_ row: Phase, _ column: Phase, _ weights: Int) -> Void) {
    var weights = 0
    for row in 0..<geometry.stride {
      for column in 0..<geometry.stride {
        let (row, column) = (rowPhase(row), columnPhase(column))
        body(row, column, weights)
        weights += row.taps * column.taps * outputs * inputs / factorElements
      }
    }
  }

  /// Outputs that a phase may look at beyond either edge.
  private static func margin(_ kernel: Int, _ stride: Int) -> Int { kernel / stride + 2 }

  private var rowMargin: Int { Self.margin(geometry.kernelHeight, geometry.stride) }

  /// Input rows of a phase whose outputs make up a band.
  private var phaseRowsPerBlock: Int {
    let rows =
      blocks.count > 1
      ? Self.pixelsOfBlock / geometry.output.width
      : bandElements / gradientRows.pitch - 2 * rowMargin
    return min(max(1, rows), (geometry.input.height + geometry.stride - 1) / geometry.stride)
  }

  // MARK: Weights

  var preparedWeightCount: Int {
    max(blocks.count * blockWeights, patches?.preparedWeightCount ?? 0)
  }

  /// Factors of a block's weights.
  private var blockWeights: Int { geometry.kernelHeight * rowSteps * outputs }

  func packForward<Factor: ProductFactor>(
    _ weights: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<Factor>
  ) {
    for block in 0..<blocks.count {
      blocks.pack(
        weights, block: block, rows: geometry.kernelHeight, positions: geometry.kernelWidth,
        into: prepared + block * blockWeights)
    }
  }

  private var fillsVectors: Bool { geometry.input.channels % Vector.lanes == 0 }

  func packBackwardData<Factor: ProductFactor>(
    _ weights: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<Factor>
  ) {
    if let patches, !fillsVectors { return patches.packBackwardData(weights, into: prepared) }
    let stride = geometry.stride
    var transposed = InlineArray<256, Float>(repeating: 0)
    withUnsafeMutablePointer(to: &transposed) { transposed in
      let transposed = UnsafeMutableRawPointer(transposed).assumingMemoryBound(to: Float.self)
      for block in 0..<blocks.count {
        forEachPhase { row, column, offset in
          for tap in 0..<row.taps * column.taps {
            let (rowTap, columnTap) = tap.quotientAndRemainder(dividingBy: column.taps)
            let position =
              (row.first - stride * rowTap) * geometry.kernelWidth
              + (column.first - stride * columnTap)
            for output in Swift.stride(from: 0, to: outputs, by: Vector.lanes) {
              for input in Swift.stride(from: 0, to: inputs, by: Vector.lanes) {
                blocks.transposedWeights(
                  weights, block: block, position: position, input: input, output: output,
                  into: transposed)
                PackedGEMM.packSixteen(
                  transposed, row: tap * outputs + output,
                  of: row.taps * column.taps * outputs, column: input, of: inputs,
                  into: prepared + block * blockWeights + offset)
              }
            }
          }
        }
      }
    }
  }

  // MARK: Forward and backward-data

  func scratchCount(images: Int) -> Int {
    let band = max(bandCount, (phaseRowsPerBlock + 2 * rowMargin) * gradientRows.pitch)
    return max(
      element.floats(band), fillsVectors ? 0 : patches?.scratchCount(images: images) ?? 0)
  }

  func forward<Element: KernelElement>(
    _ input: TensorView<Element>, _ weights: UnsafePointer<Float>, _ output: TensorView<Element>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let rowCount = output.shape.width * output.channels
    let factor = Element.Factor.elements
    let band = scratch.elements(of: Element.self)
    forEachBand(input, band) { image, rows, block in
      for row in rows {
        let first = (row - rows.lowerBound) * geometry.stride * inputRows.pitch
        PackedGEMM.multiply(
          m: output.shape.width, n: outputs, k: geometry.kernelHeight * rowSteps,
          a: OperandA(
            base: UnsafePointer(band + first).factors, rowStride: geometry.stride * inputs / factor,
            stepStride: 1, segmentSteps: rowSteps,
            segmentStride: inputRows.pitch / factor),
          b: weights.factors(of: Element.self) + block * blockWeights,
          c: output.base + (image * output.shape.height + row) * rowCount + block * outputs,
          cStride: output.channels, outputIsCold: true)
      }
    }
  }

  func backwardData<Element: KernelElement>(
    _ outputGradient: TensorView<Element>, _ weights: UnsafePointer<Float>,
    _ inputGradient: TensorView<Element>, accumulate: Bool, scratch: UnsafeMutablePointer<Float>
  ) {
    if let patches, !fillsVectors {
      return patches.backwardData(
        outputGradient, weights, inputGradient, accumulate: accumulate, scratch: scratch)
    }
    let weights = weights.factors(of: Element.self)
    let band = scratch.elements(of: Element.self)
    let (height, width) = (geometry.input.height, geometry.input.width)
    let step = phaseRowsPerBlock
    let phaseRows = (height + geometry.stride - 1) / geometry.stride
    gradientRows.clearSides(band, rows: step + 2 * rowMargin)
    for image in 0..<outputGradient.images {
      for first in stride(from: 0, to: phaseRows, by: step) {
        let rows = first..<min(first + step, phaseRows)
        for block in 0..<blocks.count {
          gradientRows.fill(
            outputGradient.base + image * outputGradient.shape.count + block * outputs,
            pixelStride: outputGradient.channels,
            rows: rows.lowerBound - rowMargin..<rows.upperBound + rowMargin, into: band)
          forEachPhase { rowPhase, columnPhase, offset in
            let columns = (width - columnPhase.offset + geometry.stride - 1) / geometry.stride
            for row in rows {
              let inputRow = row * geometry.stride + rowPhase.offset
              guard inputRow < height, columns > 0 else { continue }
              let pixel = (image * height + inputRow) * width + columnPhase.offset
              let source =
                band + (row - rows.lowerBound + rowPhase.shift + rowMargin) * gradientRows.pitch
                + (columnPhase.shift + gradientRows.left) * outputs
              multiplyPhase(
                source, rowPhase.taps, columnPhase.taps, weights + block * blockWeights + offset,
                inputGradient.base + pixel * inputGradient.channels + block * inputs, columns,
                accumulate: accumulate)
            }
          }
        }
      }
    }
  }

  /// One row of a phase: `columns` inputs, `stride` pixels apart.
  private func multiplyPhase<Element: KernelElement>(
    _ source: UnsafePointer<Element>, _ rowTaps: Int, _ columnTaps: Int,
    _ weights: UnsafePointer<Element.Factor>, _ target: UnsafeMutablePointer<Element>,
    _ columns: Int, accumulate: Bool
  ) {
    let factor = Element.Factor.elements
    let steps = rowTaps * columnTaps * outputs / factor
    let targetStride = geometry.stride * geometry.input.channels
    if steps == 0 {
      if accumulate { return }
      for column in 0..<columns { clearVectors(target + column * targetStride, inputs) }
      return
    }
    PackedGEMM.multiply(
      m: columns, n: inputs, k: steps,
      a: OperandA(
        base: source.factors, rowStride: outputs / factor, stepStride: 1,
        segmentSteps: columnTaps * outputs / factor, segmentStride: gradientRows.pitch / factor),
      b: weights, c: target, cStride: targetStride, accumulate: accumulate, outputIsCold: true)
  }

  // MARK: Backward-weights

  /// Rows of the sum for one filter row: S·C in whole tiles of four.
  private var sumRows: Int { (rowElements + 3) / 4 * 4 }

  /// Elements of a block's sum.
  private var blockSums: Int { geometry.kernelHeight * sumRows * outputs }

  /// Whether the gradient itself can hold the sum.
  private var sumsInPlace: Bool { blocks.isWhole && sumRows == rowElements }

  /// Floats of scratch that carry the sum.
  private var sumCount: Int { sumsInPlace ? 0 : blocks.count * blockSums }

  /// Whether the output gradient already is one panel.
  private var isOnePanel: Bool {
    factorElements == 1 && blocks.isWhole && outputs <= PackedGEMM.nr
  }

  /// The algorithm of weight gradients where it is not this one. Windows of many channels are copied: a
  /// product of one row of pixels would take no longer than reading and writing its result.
  private var gradientPatches: Im2colConvolution? {
    factorElements > 1 && fillsVectors ? patches : nil
  }

  /// Factors of the gradient rows that are packed at a time: a band's, in pairs one.
  private var panelCount: Int {
    if isOnePanel { return 0 }
    return (factorElements == 1 ? rowsPerBlock : 1) * steps(geometry.output.width) * outputs
  }

  func weightScratchCount(images: Int) -> Int {
    if let gradientPatches { return gradientPatches.weightScratchCount(images: images) }
    return sumCount + element.floats(bandCount) + panelCount
      + (factorElements > 1 ? packedCount : 0)
  }

  func addWeightGradient<Element: KernelElement>(
    _ input: TensorView<Element>, _ outputGradient: TensorView<Element>,
    into weightGradient: UnsafeMutablePointer<Float>, isFirst: Bool, isLast: Bool,
    scratch: UnsafeMutablePointer<Float>
  ) {
    if let gradientPatches {
      return gradientPatches.addWeightGradient(
        input, outputGradient, into: weightGradient, isFirst: isFirst, isLast: isLast,
        scratch: scratch)
    }
    let sums = sumsInPlace ? weightGradient : scratch
    if isFirst { sums.update(repeating: 0, count: blocks.count * blockSums) }
    let band = (scratch + sumCount).elements(of: Element.self)
    let panelStart = scratch + sumCount + element.floats(bandCount)
    let panels = panelStart.factors(of: Element.self)
    let packed = (panelStart + panelCount).factors(of: Element.self)
    let width = geometry.output.width
    forEachBand(input, band) { image, rows, block in
      let pixel = (image * geometry.output.height + rows.lowerBound) * width
      let gradient = outputGradient.base + pixel * outputGradient.channels + block * outputs
      let blockSums = sums + block * blockSums
      if Element.Factor.elements > 1 {
        addPairs(
          UnsafePointer(gradient), rows: rows.count, UnsafePointer(band), into: blockSums,
          panels: panels, packed: packed)
        return
      }
      if !isOnePanel {
        PackedGEMM.pack(
          gradient, rowStride: outputGradient.channels, rows: rows.count * width,
          columns: outputs, into: panels)
      }
      for filterRow in 0..<geometry.kernelHeight {
        PackedGEMM.multiply(
          m: sumRows, n: outputs, k: rows.count * width,
          a: OperandA(
            base: UnsafePointer(band + filterRow * inputRows.pitch).factors, rowStride: 1,
            stepStride: geometry.stride * inputs, segmentSteps: width,
            segmentStride: geometry.stride * inputRows.pitch),
          b: isOnePanel ? UnsafePointer(gradient).factors : UnsafePointer(panels),
          c: blockSums + filterRow * sumRows * outputs, cStride: outputs,
          accumulate: true)
      }
    }
    guard isLast, !sumsInPlace else { return }
    for block in 0..<blocks.count {
      for filterRow in 0..<geometry.kernelHeight {
        blocks.scatter(
          scratch + block * blockSums + filterRow * sumRows * outputs, block: block,
          positions: filterRow * geometry.kernelWidth..<(filterRow + 1) * geometry.kernelWidth,
          into: weightGradient)
      }
    }
  }

  /// Adds a band's weight gradient from pairs of pixels, one output row after the other.
  private func addPairs<Element: KernelElement>(
    _ gradient: UnsafePointer<Element>, rows: Int, _ band: UnsafePointer<Element>,
    into sums: UnsafeMutablePointer<Float>, panels: UnsafeMutablePointer<Element.Factor>,
    packed: UnsafeMutablePointer<Element.Factor>
  ) {
    let width = geometry.output.width
    let channels = geometry.output.channels
    for row in 0..<rows {
      PackedGEMM.pack(
        gradient + row * width * channels, rowStride: channels, rows: width, columns: outputs,
        into: panels)
      for filterRow in 0..<geometry.kernelHeight {
        PackedGEMM.multiplyTransposed(
          m: rowElements, n: outputs, rows: width,
          a: band + (row * geometry.stride + filterRow) * inputRows.pitch,
          aStride: geometry.stride * inputs, readable: rowElements + Self.slack * inputs,
          b: UnsafePointer(panels),
          c: sums + filterRow * sumRows * outputs, cStride: outputs, accumulate: true,
          packed: packed)
      }
    }
  }
}
