/// Gathering of convolution patches into matrix rows (im2col) and its adjoint (col2im).

import Tensors

/// Patches of a convolution as the rows of a matrix: a patch row is [R, S, channels].
///
/// In NHWC the S·C elements of one filter row are contiguous in the input, so a patch of all
/// channels is R copies. Where the window leaves the image the elements are zero.
struct Im2col {
  let geometry: ConvolutionGeometry
  /// The input channels in a patch: all, or those of one block.
  let channels: Range<Int>
  /// Elements between rows, at least R·S·channels.
  let rowStride: Int

  /// Writes the patches of output rows `outputRows`, counted over all images (image · H_out + row).
  ///
  /// What a row has beyond its patch is left with any values.
  @inline(__always)
  func gather<Element: KernelElement>(
    _ input: TensorView<Element>, outputRows: Range<Int>,
    into patches: UnsafeMutablePointer<Element>
  ) {
    let end = input.count
    let input = input.base
    forEachRun(outputRows: outputRows) { patchOffset, inputOffset, valid, count, capacity in
      let target = patches + patchOffset
      // A short run is one vector: what it writes too much, the next run overwrites.
      if count < Vector.lanes, valid.count == count, inputOffset + Vector.lanes <= end,
        capacity >= Vector.lanes
      {
        Element.copy(UnsafePointer(input) + inputOffset, to: target, at: 0)
        return
      }
      if valid.lowerBound > 0 { target.update(repeating: .zero, count: valid.lowerBound) }
      if !valid.isEmpty {
        copyElements(
          input + (inputOffset + valid.lowerBound), target + valid.lowerBound, valid.count)
      }
      if valid.upperBound < count {
        (target + valid.upperBound).update(repeating: .zero, count: count - valid.upperBound)
      }
    }
  }

  /// Adds the patches of output rows `outputRows` back to where they were gathered from.
  @inline(__always)
  func scatterAdd<Element: KernelElement>(
    _ patches: UnsafePointer<Float>, outputRows: Range<Int>,
    into input: UnsafeMutablePointer<Element>
  ) {
    forEachRun(outputRows: outputRows) { patchOffset, inputOffset, valid, _, _ in
      let source = patches + (patchOffset + valid.lowerBound)
      let target = input + (inputOffset + valid.lowerBound)
      forEachElementGroup(
        valid.count,
        wide: { (Vector(target, at: $0) + source.vector(at: $0)).store(to: target, at: $0) },
        narrow: { target[$0] = Element(rounding: target[$0].float + source[$0]) })
    }
  }

  @inline(__always)
  private func copyElements<Element: KernelElement>(
    _ source: UnsafePointer<Element>, _ target: UnsafeMutablePointer<Element>, _ count: Int
  ) {
    forEachElementGroup(
      count, wide: { Element.copy(source, to: target, at: $0) },
      narrow: { target[$0] = source[$0] })
  }

  /// Calls `body(patch offset, input offset, valid elements, elements)` for each contiguous run of
  /// each patch: a filter row of all channels, or one filter position of some.
  ///
  /// The input offset is that of the run's element 0, which may lie outside the image; only the
  /// elements `valid` exist. `capacity` is what the matrix's row has from the run's start on.
  @inline(__always)
  private func forEachRun(
    outputRows: Range<Int>,
    _ body: (
      _ patchOffset: Int, _ inputOffset: Int, _ valid: Range<Int>, _ count: Int, _ capacity: Int
    ) -> Void
  ) {
    let input = geometry.input
    let takesAll = channels.count == input.channels
    var patch = 0
    for outputRow in outputRows {
      let image = outputRow / geometry.output.height
      let firstRow =
        (outputRow - image * geometry.output.height) * geometry.stride - geometry.padding
      for outputColumn in 0..<geometry.output.width {
        let firstColumn = outputColumn * geometry.stride - geometry.padding
        let from = min(max(0, -firstColumn), geometry.kernelWidth)
        let to = max(from, min(geometry.kernelWidth, input.width - firstColumn))
        var run = patch * rowStride
        let end = run + rowStride
        for filterRow in 0..<geometry.kernelHeight {
          let row = firstRow + filterRow
          let columns = row >= 0 && row < input.height ? from..<to : 0..<0
          let offset = ((image * input.height + row) * input.width + firstColumn) * input.channels
          if takesAll {
            let count = geometry.kernelWidth * input.channels
            body(
              run, offset,
              columns.lowerBound * input.channels..<columns.upperBound * input.channels, count,
              end - run)
            run += count
          } else {
            for column in 0..<geometry.kernelWidth {
              body(
                run, offset + column * input.channels + channels.lowerBound,
                columns.contains(column) ? 0..<channels.count : 0..<0, channels.count,
                end - run)
              run += channels.count
            }
          }
        }
        patch += 1
      }
    }
  }
}
