/// Convolution as products of copied patches (im2col) with packed weights; of 1×1 filters, of the input
/// itself.

import Tensors

/// With patches P [M, R·S·C] (M = N·H_out·W_out) and weights W [R·S·C, K]:
///   forward:           Y  = P·W
///   backward-weights:  dW = Pᵀ·dY
///   backward-data:     dX = scatter-add of dY·Wᵀ
/// A 1×1 convolution with stride 1 has the input itself as its patches: nothing is copied.
struct Im2colConvolution: DirectConvolutionAlgorithm {
  let geometry: ConvolutionGeometry
  let arithmetic: ProductArithmetic
  private let blocks: ChannelBlocks

  /// - Returns: nil where the output channels do not fill vectors.
  init?(_ geometry: ConvolutionGeometry, _ arithmetic: ProductArithmetic) {
    guard let blocks = ChannelBlocks(geometry) else { return nil }
    self.geometry = geometry
    self.arithmetic = arithmetic
    self.blocks = blocks
  }

  var name: String { geometry.isPointwise ? "1×1 GEMM" : "im2col" }

  // MARK: Patches

  /// R·S.
  private var positions: Int { geometry.kernelHeight * geometry.kernelWidth }

  /// R·S·C of a block.
  private var patchCount: Int { positions * blocks.inputs }

  /// `patchCount` in whole vectors.
  private var paddedCount: Int { (patchCount + Vector.lanes - 1) / Vector.lanes * Vector.lanes }

  /// Elements between patches: an odd number of lines, so that they spread over the cache's sets.
  private var patchStride: Int {
    paddedCount / Vector.lanes % 2 == 1 ? paddedCount : paddedCount + Vector.lanes
  }

  /// Minimum patches per block, to amortize reading all weights once per block. Of long patches only KC
  /// steps at a time need the cache.
  private static let leastPatches = 128
  /// The minimum where nothing is copied: a large gradient is read and written for each block.
  private static let leastPositions = 256

  private func outputRowsPerBlock(images: Int) -> Int {
    let patches = max(
      ReproducibleBlocking.patches * factorElements / patchStride,
      readsInput ? Self.leastPositions : Self.leastPatches)
    let rows = patches / geometry.output.width
    return max(1, min(rows, 512 / geometry.output.width, images * geometry.output.height))
  }

  private func patchesPerBlock(images: Int) -> Int {
    outputRowsPerBlock(images: images) * geometry.output.width
  }

  private func patches(_ block: Int) -> Im2col {
    Im2col(
      geometry: geometry, channels: block * blocks.inputs..<(block + 1) * blocks.inputs,
      rowStride: patchStride)
  }

  /// Calls `body(output rows, first patch, patches)` for blocks of patches, in order.
  @inline(__always)
  private func forEachPatchBlock(
    images: Int, _ body: (_ outputRows: Range<Int>, _ firstPatch: Int, _ patches: Int) -> Void
  ) {
    let total = images * geometry.output.height
    let step = outputRowsPerBlock(images: images)
    let width = geometry.output.width
    var row = 0
    while row < total {
      let rows = row..<min(row + step, total)
      body(rows, row * width, rows.count * width)
      row = rows.upperBound
    }
  }

  // MARK: Weights

  var preparedWeightCount: Int { blocks.count * blockWeights }

  /// Factors of a block's weights.
  private var blockWeights: Int { paddedCount * blocks.outputs / factorElements }

  /// Filter position and input channel of a patch's element.
  @inline(__always)
  private func source(_ element: Int) -> (position: Int, input: Int) {
    (element / blocks.inputs, element % blocks.inputs)
  }

  func packForward<Factor: ProductFactor>(
    _ weights: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<Factor>
  ) {
    for block in 0..<blocks.count {
      blocks.pack(
        weights, block: block, positions: positions, into: prepared + block * blockWeights)
    }
  }

  func packBackwardData<Factor: ProductFactor>(
    _ weights: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<Factor>
  ) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 256) { transposed in
      let transposed = transposed.baseAddress!
      for block in 0..<blocks.count {
        for element in stride(from: 0, to: paddedCount, by: Vector.lanes) {
          for output in stride(from: 0, to: blocks.outputs, by: Vector.lanes) {
            blocks.transposed(into: transposed) { lane in
              let (position, input) = source(min(element + lane, patchCount - 1))
              return element + lane < patchCount
                ? blocks.weights(
                  weights, block: block, position: position, input: input, output: output)
                : .zero
            }
            PackedGEMM.packSixteen(
              transposed, row: output, of: blocks.outputs, column: element, of: paddedCount,
              into: prepared + block * blockWeights)
          }
        }
      }
    }
  }

  // MARK: Passes

  /// Whether the input itself is the matrix of patches. Without whole vectors of channels even a 1×1
  /// convolution's gradients pass through scratch.
  private var isInput: Bool { geometry.isPointwise && patchCount == paddedCount }

  /// Whether the forward pass reads the input in place.
  private var multipliesInput: Bool { geometry.isPointwise && patchCount % factorElements == 0 }

  /// Whether an input belongs to several patches, whose sum is rounded once: it is made in Float.
  private var sumsInFloat: Bool {
    element != .float32 && max(geometry.kernelHeight, geometry.kernelWidth) > geometry.stride
  }

  func scratchCount(images: Int) -> Int {
    isInput
      ? 0
      : patchesPerBlock(images: images) * patchStride
        + (sumsInFloat ? images * geometry.input.count : 0)
  }

  func forward<Element: KernelElement>(
    _ input: TensorView<Element>, _ weights: UnsafePointer<Float>, _ output: TensorView<Element>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let gathered = scratch.elements(of: Element.self)
    let steps = PackedGEMM.steps(patchCount, Element.Factor.self)
    for block in 0..<blocks.count {
      let weights = weights.factors(of: Element.self) + block * blockWeights
      let output = output.base + block * blocks.outputs
      if multipliesInput {
        PackedGEMM.multiply(
          m: input.rows, n: blocks.outputs, k: steps,
          a: .rows(input.base + block * blocks.inputs, stride: input.channels), b: weights,
          c: output, cStride: geometry.output.channels, outputIsCold: true)
        continue
      }
      let matrix = patches(block)
      forEachPatchBlock(images: input.images) { outputRows, firstPatch, count in
        gather(matrix, input, outputRows, count, into: gathered)
        PackedGEMM.multiply(
          m: count, n: blocks.outputs, k: steps, a: .rows(gathered, stride: patchStride),
          b: weights, c: output + firstPatch * geometry.output.channels,
          cStride: geometry.output.channels, outputIsCold: true)
      }
    }
  }

  /// Writes `count` patches, completed to whole factors with zeros.
  @inline(__always)
  private func gather<Element: KernelElement>(
    _ matrix: Im2col, _ input: TensorView<Element>, _ outputRows: Range<Int>, _ count: Int,
    into patches: UnsafeMutablePointer<Element>
  ) {
    matrix.gather(input, outputRows: outputRows, into: patches)
    if patchCount % Element.Factor.elements == 0 { return }
    for patch in 0..<count { patches[patch * patchStride + patchCount] = .zero }
  }

  func backwardData<Element: KernelElement>(
    _ outputGradient: TensorView<Element>, _ weights: UnsafePointer<Float>,
    _ inputGradient: TensorView<Element>, accumulate: Bool, scratch: UnsafeMutablePointer<Float>
  ) {
    let weights = weights.factors(of: Element.self)
    if isInput {
      for block in 0..<blocks.count {
        PackedGEMM.multiply(
          m: outputGradient.rows, n: blocks.inputs, k: blocks.outputs / Element.Factor.elements,
          a: .rows(
            outputGradient.base + block * blocks.outputs, stride: outputGradient.channels),
          b: weights + block * blockWeights, c: inputGradient.base + block * blocks.inputs,
          cStride: inputGradient.channels, accumulate: accumulate, outputIsCold: true)
      }
      return
    }
    if sumsInFloat {
      let sums = TensorView(
        base: scratch + patchesPerBlock(images: outputGradient.images) * patchStride,
        images: inputGradient.images, shape: inputGradient.shape)
      sums.base.update(repeating: 0, count: sums.count)
      addPatches(outputGradient, weights, into: sums.base, scratch: scratch)
      Elementwise.convert(sums, to: inputGradient, accumulate: accumulate)
    } else {
      if !accumulate { inputGradient.base.update(repeating: .zero, count: inputGradient.count) }
      addPatches(outputGradient, weights, into: inputGradient.base, scratch: scratch)
    }
  }

  /// Adds the gradients of all patches to those of the inputs.
  private func addPatches<Element: KernelElement, Sum: KernelElement>(
    _ outputGradient: TensorView<Element>, _ weights: UnsafePointer<Element.Factor>,
    into inputGradient: UnsafeMutablePointer<Sum>, scratch: UnsafeMutablePointer<Float>
  ) {
    for block in 0..<blocks.count {
      let matrix = patches(block)
      forEachPatchBlock(images: outputGradient.images) { outputRows, firstPatch, count in
        PackedGEMM.multiply(
          m: count, n: paddedCount, k: blocks.outputs / Element.Factor.elements,
          a: .rows(
            outputGradient.base + firstPatch * outputGradient.channels + block * blocks.outputs,
            stride: outputGradient.channels),
          b: weights + block * blockWeights, c: scratch, cStride: patchStride)
        matrix.scatterAdd(scratch, outputRows: outputRows, into: inputGradient)
      }
    }
  }

  // MARK: Backward-weights

  func weightScratchCount(images: Int) -> Int {
    sumCount + gatheredCount(images: images) + panelCount(images: images)
      + (packsPatches ? packedCount : 0)
  }

  /// Floats of scratch that carry the sum; without groups the gradient itself is the sum.
  private var sumCount: Int { blocks.isWhole ? 0 : blocks.count * blockSums }

  /// Floats of a block's sum.
  private var blockSums: Int { paddedCount * blocks.outputs }

  /// Whether the patches are packed for the product: where they are multiplied in pairs, or the gradient is
  /// too large to stay in the second-level cache.
  private var packsPatches: Bool {
    factorElements > 1 || patchCount * blocks.outputs >= KernelTarget.compiled.l2
  }

  /// Whether a weight gradient reads the input in place, since it packs what it reads anyway.
  private var readsInput: Bool { packsPatches && isInput }

  /// Floats of scratch for a block of patches.
  private func gatheredCount(images: Int) -> Int {
    readsInput ? 0 : patchesPerBlock(images: images) * patchStride / factorElements
  }

  /// Floats of scratch for a block of the output's gradient.
  private func panelCount(images: Int) -> Int {
    steps(patchesPerBlock(images: images)) * blocks.outputs
  }

  func addWeightGradient<Element: KernelElement>(
    _ input: TensorView<Element>, _ outputGradient: TensorView<Element>,
    into weightGradient: UnsafeMutablePointer<Float>, isFirst: Bool, isLast: Bool,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let allSums = blocks.isWhole ? weightGradient : scratch
    if isFirst, input.images == 0 {
      allSums.update(repeating: 0, count: blocks.isWhole ? geometry.weightCount : sumCount)
    }
    let gathered = (scratch + sumCount).elements(of: Element.self)
    let panelStart = scratch + sumCount + gatheredCount(images: input.images)
    let panels = panelStart.factors(of: Element.self)
    let packed = (panelStart + panelCount(images: input.images)).factors(of: Element.self)
    for block in 0..<blocks.count {
      let matrix = patches(block)
      let sums = allSums + block * blockSums
      forEachPatchBlock(images: input.images) { outputRows, firstPatch, count in
        let accumulate = !isFirst || firstPatch > 0
        PackedGEMM.pack(
          outputGradient.base + firstPatch * outputGradient.channels + block * blocks.outputs,
          rowStride: outputGradient.channels, rows: count, columns: blocks.outputs, into: panels)
        var source = (base: UnsafePointer(gathered), stride: patchStride)
        if readsInput {
          source = (
            UnsafePointer(input.base + firstPatch * input.channels + block * blocks.inputs),
            input.channels
          )
        } else {
          matrix.gather(input, outputRows: outputRows, into: gathered)
        }
        if packsPatches {
          PackedGEMM.multiplyTransposed(
            m: patchCount, n: blocks.outputs, rows: count, a: source.base, aStride: source.stride,
            b: panels, c: sums, cStride: blocks.outputs, accumulate: accumulate, packed: packed)
        } else {
          PackedGEMM.multiply(
            m: patchCount, n: blocks.outputs, k: count,
            a: .columns(
              UnsafeRawPointer(source.base).assumingMemoryBound(to: Element.Factor.self),
              stride: source.stride),
            b: panels, c: sums, cStride: blocks.outputs, accumulate: accumulate)
        }
      }
    }
    guard isLast, !blocks.isWhole else { return }
    for block in 0..<blocks.count {
      blocks.scatter(
        scratch + block * blockSums, block: block, positions: 0..<positions,
        into: weightGradient)
    }
  }
}
