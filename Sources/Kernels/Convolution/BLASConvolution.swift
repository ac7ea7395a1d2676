/// Convolution of any channel counts as products of patches through OpenBLAS.

import Tensors

/// The algorithm for output channels that do not fill vectors: slower, and without conditions.
struct BLASConvolution: ConvolutionAlgorithm {
  let geometry: ConvolutionGeometry

  init(_ geometry: ConvolutionGeometry) { self.geometry = geometry }

  var name: String { "im2col, OpenBLAS" }

  private var groupOutputs: Int { geometry.output.channels / geometry.groups }

  // MARK: Patches

  /// Patches in a block, as near as whole output rows allow.
  private static let patchesPerBlock = 256

  private var outputRowsPerBlock: Int { max(1, Self.patchesPerBlock / geometry.output.width) }

  private func patches(_ group: Int) -> Im2col {
    let channels = geometry.channelsPerGroup
    return Im2col(
      geometry: geometry, channels: group * channels..<(group + 1) * channels,
      rowStride: geometry.patchCount)
  }

  /// Calls `body(group, output rows, first patch, patches)` for each group and block, in order.
  private func forEachBlock(
    images: Int,
    _ body: (_ group: Int, _ outputRows: Range<Int>, _ firstPatch: Int, _ patches: Int) -> Void
  ) {
    let total = images * geometry.output.height
    let width = geometry.output.width
    for group in 0..<geometry.groups {
      var row = 0
      while row < total {
        let rows = row..<min(row + outputRowsPerBlock, total)
        body(group, rows, row * width, rows.count * width)
        row = rows.upperBound
      }
    }
  }

  // MARK: Passes

  func scratchCount(images: Int) -> Int {
    outputRowsPerBlock * geometry.output.width * geometry.patchCount
  }

  func forward(
    input: ImageTensor, weights: UnsafePointer<Float>, output: ImageTensor,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let channels = geometry.output.channels
    forEachBlock(images: input.images) { group, outputRows, firstPatch, count in
      patches(group).gather(input.view(of: Float.self), outputRows: outputRows, into: scratch)
      MatrixProduct.multiply(
        m: count, n: groupOutputs, k: geometry.patchCount, a: scratch,
        b: weights + group * groupOutputs, bStride: channels, beta: 0,
        c: output.base + firstPatch * channels + group * groupOutputs, cStride: channels)
    }
  }

  func backwardData(
    outputGradient: ImageTensor, weights: UnsafePointer<Float>, inputGradient: ImageTensor,
    accumulate: Bool, scratch: UnsafeMutablePointer<Float>
  ) {
    let channels = geometry.output.channels
    if !accumulate { inputGradient.base.update(repeating: 0, count: inputGradient.count) }
    forEachBlock(images: outputGradient.images) { group, outputRows, firstPatch, count in
      MatrixProduct.multiply(
        m: count, n: geometry.patchCount, k: groupOutputs,
        a: outputGradient.base + firstPatch * channels + group * groupOutputs, aStride: channels,
        b: weights + group * groupOutputs, bStride: channels, transposeB: true, beta: 0,
        c: scratch, cStride: geometry.patchCount)
      patches(group).scatterAdd(scratch, outputRows: outputRows, into: inputGradient.base)
    }
  }

  func weightScratchCount(images: Int) -> Int { scratchCount(images: images) }

  func addWeightGradient(
    input: ImageTensor, outputGradient: ImageTensor,
    into weightGradient: UnsafeMutablePointer<Float>, isFirst: Bool, isLast: Bool,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let channels = geometry.output.channels
    if isFirst { weightGradient.update(repeating: 0, count: geometry.weightCount) }
    forEachBlock(images: input.images) { group, outputRows, firstPatch, count in
      patches(group).gather(input.view(of: Float.self), outputRows: outputRows, into: scratch)
      MatrixProduct.multiply(
        m: geometry.patchCount, n: groupOutputs, k: count, a: scratch,
        aStride: geometry.patchCount, transposeA: true,
        b: outputGradient.base + firstPatch * channels + group * groupOutputs, bStride: channels,
        beta: 1, c: weightGradient + group * groupOutputs, cStride: channels)
    }
  }
}
