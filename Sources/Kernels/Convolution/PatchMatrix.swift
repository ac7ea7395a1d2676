/// Gathering of convolution patches into matrix rows (im2col) and its adjoint (col2im).

import Tensors

/// Patch rows of output rows `outputRows`, counted over all images (image · H_out + row).
///
/// A patch row is [R, S, C]; where the window leaves the image its elements are zero. In NHWC the
/// S·C elements of one filter row are contiguous in the input, so a patch is R copies.
enum PatchMatrix {
  /// patches[outputRows · W_out, R·S·C] from `input`.
  static func gather(
    _ geometry: ConvolutionGeometry, input: UnsafePointer<Float>, outputRows: Range<Int>,
    into patches: UnsafeMutablePointer<Float>
  ) {
    let rowCount = geometry.kernelWidth * geometry.input.channels
    forEachFilterRow(geometry, outputRows: outputRows) { patchOffset, inputOffset, valid in
      let target = patches + patchOffset
      if valid.isEmpty {
        target.update(repeating: 0, count: rowCount)
        return
      }
      if valid.lowerBound > 0 { target.update(repeating: 0, count: valid.lowerBound) }
      (target + valid.lowerBound).update(
        from: input + (inputOffset + valid.lowerBound), count: valid.count)
      if valid.upperBound < rowCount {
        (target + valid.upperBound).update(repeating: 0, count: rowCount - valid.upperBound)
      }
    }
  }

  /// Adds patches[outputRows · W_out, R·S·C] back to where they were gathered from.
  static func scatterAdd(
    _ geometry: ConvolutionGeometry, patches: UnsafePointer<Float>, outputRows: Range<Int>,
    into input: UnsafeMutablePointer<Float>
  ) {
    forEachFilterRow(geometry, outputRows: outputRows) { patchOffset, inputOffset, valid in
      guard !valid.isEmpty else { return }
      let source = patches + (patchOffset + valid.lowerBound)
      let target = input + (inputOffset + valid.lowerBound)
      forEachElementGroup(
        valid.count,
        wide: { target.store(target.vector(at: $0) + source.vector(at: $0), at: $0) },
        narrow: { target[$0] += source[$0] })
    }
  }

  /// Calls `body(patch offset, input offset, valid elements)` for each filter row of each patch.
  ///
  /// The input offset is that of the filter row's element 0, which may lie outside the image; only
  /// the elements `valid` of the S·C exist.
  @inline(__always)
  private static func forEachFilterRow(
    _ geometry: ConvolutionGeometry, outputRows: Range<Int>,
    _ body: (_ patchOffset: Int, _ inputOffset: Int, _ valid: Range<Int>) -> Void
  ) {
    let input = geometry.input
    let channels = input.channels
    let rowCount = geometry.kernelWidth * channels
    var patchOffset = 0
    for outputRow in outputRows {
      let image = outputRow / geometry.output.height
      let firstRow =
        (outputRow - image * geometry.output.height) * geometry.stride - geometry.padding
      for outputColumn in 0..<geometry.output.width {
        let firstColumn = outputColumn * geometry.stride - geometry.padding
        let from = max(0, -firstColumn) * channels
        let to = min(geometry.kernelWidth, input.width - firstColumn) * channels
        let columns = from..<max(from, to)
        for filterRow in 0..<geometry.kernelHeight {
          let row = firstRow + filterRow
          let inside = row >= 0 && row < input.height
          let inputOffset = ((image * input.height + row) * input.width + firstColumn) * channels
          body(patchOffset, inputOffset, inside ? columns : 0..<0)
          patchOffset += rowCount
        }
      }
    }
  }
}
