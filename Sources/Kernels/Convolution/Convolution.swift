/// Convolution in NHWC as blocks of gathered patches times the weights, through OpenBLAS.
///
/// Weights are [R, S, C, K], so with patches [M, R·S·C] (M = N·H_out·W_out)
///   forward:           Y[M, K]       = P · W
///   backward-weights:  dW[R·S·C, K]  = Pᵀ · dY
///   backward-data:     dX            = scatter-add of dY · Wᵀ
/// Blocks of about 256 patches keep a block's patches in the second-level cache. Block borders
/// depend on the geometry and the number of images alone, and so does every order of summation.

import Tensors

public enum Convolution {
  /// Patches in a block, as near as whole output rows allow.
  private static let patchesPerBlock = 256

  private static func outputRowsPerBlock(_ geometry: ConvolutionGeometry) -> Int {
    max(1, patchesPerBlock / geometry.output.width)
  }

  /// Scratch floats that one thread needs for `forward` (one block of patches).
  public static func forwardScratchCount(_ geometry: ConvolutionGeometry) -> Int {
    geometry.isPointwise
      ? 0 : outputRowsPerBlock(geometry) * geometry.output.width * geometry.patchCount
  }

  /// Scratch floats that one thread needs for `backward`.
  public static func backwardScratchCount(_ geometry: ConvolutionGeometry) -> Int {
    forwardScratchCount(geometry)
  }

  /// output = input ∗ weights. 2·N·multiplyAdds FLOPs.
  ///
  /// - Parameters:
  ///   - input: [N, H, W, C].
  ///   - weights: [R, S, C, K].
  ///   - output: [N, H_out, W_out, K]; overwritten.
  ///   - scratch: `forwardScratchCount` floats, not shared with another thread.
  public static func forward(
    _ geometry: ConvolutionGeometry, input: ImageTensor, weights: UnsafePointer<Float>,
    output: ImageTensor, scratch: UnsafeMutablePointer<Float>
  ) {
    let channels = geometry.output.channels
    if geometry.isPointwise {
      MatrixProduct.multiply(
        m: output.rows, n: channels, k: geometry.patchCount, a: input.base, b: weights, beta: 0,
        c: output.base)
      return
    }
    forEachBlock(geometry, images: input.images) { outputRows, firstPatch, patches in
      PatchMatrix.gather(geometry, input: input.base, outputRows: outputRows, into: scratch)
      MatrixProduct.multiply(
        m: patches, n: channels, k: geometry.patchCount, a: scratch, b: weights, beta: 0,
        c: output.base + firstPatch * channels)
    }
  }

  /// weightGradient = Σ over images and positions of patchᵀ · outputGradient.
  ///
  /// - Parameter weightGradient: [R, S, C, K]; overwritten.
  public static func backwardWeights(
    _ geometry: ConvolutionGeometry, input: ImageTensor, outputGradient: ImageTensor,
    weightGradient: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>
  ) {
    let channels = geometry.output.channels
    if input.images == 0 {
      weightGradient.update(repeating: 0, count: geometry.weightCount)
      return
    }
    if geometry.isPointwise {
      MatrixProduct.multiply(
        m: geometry.patchCount, n: channels, k: input.rows, a: input.base, transposeA: true,
        b: outputGradient.base, beta: 0, c: weightGradient)
      return
    }
    forEachBlock(geometry, images: input.images) { outputRows, firstPatch, patches in
      PatchMatrix.gather(geometry, input: input.base, outputRows: outputRows, into: scratch)
      MatrixProduct.multiply(
        m: geometry.patchCount, n: channels, k: patches, a: scratch, transposeA: true,
        b: outputGradient.base + firstPatch * channels, beta: firstPatch == 0 ? 0 : 1,
        c: weightGradient)
    }
  }

  /// inputGradient (+)= outputGradient ∗ᵀ weights.
  ///
  /// - Parameter accumulate: add to `inputGradient` instead of overwriting it.
  public static func backwardData(
    _ geometry: ConvolutionGeometry, outputGradient: ImageTensor, weights: UnsafePointer<Float>,
    inputGradient: ImageTensor, accumulate: Bool, scratch: UnsafeMutablePointer<Float>
  ) {
    let channels = geometry.output.channels
    if geometry.isPointwise {
      MatrixProduct.multiply(
        m: outputGradient.rows, n: geometry.patchCount, k: channels, a: outputGradient.base,
        b: weights, transposeB: true, beta: accumulate ? 1 : 0, c: inputGradient.base)
      return
    }
    if !accumulate { inputGradient.base.update(repeating: 0, count: inputGradient.count) }
    forEachBlock(geometry, images: outputGradient.images) { outputRows, firstPatch, patches in
      MatrixProduct.multiply(
        m: patches, n: geometry.patchCount, k: channels,
        a: outputGradient.base + firstPatch * channels, b: weights, transposeB: true, beta: 0,
        c: scratch)
      PatchMatrix.scatterAdd(
        geometry, patches: scratch, outputRows: outputRows, into: inputGradient.base)
    }
  }

  /// Calls `body(output rows, first patch, patches)` for each block, in order.
  @inline(__always)
  private static func forEachBlock(
    _ geometry: ConvolutionGeometry, images: Int,
    _ body: (_ outputRows: Range<Int>, _ firstPatch: Int, _ patches: Int) -> Void
  ) {
    let total = images * geometry.output.height
    let step = outputRowsPerBlock(geometry)
    var row = 0
    while row < total {
      let rows = row..<min(row + step, total)
      body(rows, row * geometry.output.width, rows.count * geometry.output.width)
      row = rows.upperBound
    }
  }
}
