/// Max pooling: the largest input of each window, channel by channel.

import Tensors

public enum MaxPooling {
  /// output = window maximum; `winners` remembers which input won, for the backward pass.
  ///
  /// Padding never wins. Of equal inputs the first in row order wins, as in PyTorch.
  /// - Parameters:
  ///   - geometry: the window of at most 256 positions, with as many output as input channels.
  ///   - winners: [N, H_out, W_out, C], the winner's position in its window, r·S + s; overwritten.
  ///     Nil when no backward pass follows.
  public static func forward(
    _ geometry: ConvolutionGeometry, input: ImageTensor, output: ImageTensor,
    winners: UnsafeMutablePointer<UInt8>?
  ) {
    let channels = input.channels
    forEachWindow(geometry, images: input.images) { window in
      let x = UnsafePointer(input.base) + window.imageOffset
      let first = window.pixel(window.rows.lowerBound, window.columns.lowerBound) * channels
      let firstPosition = window.position(window.rows.lowerBound, window.columns.lowerBound)
      forEachChannelGroup(
        channels,
        wide: { channel in
          var best = x.vector(at: first + channel)
          var winner = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: firstPosition))
          for row in window.rows {
            for column in window.columns {
              let value = x.vector(at: window.pixel(row, column) * channels + channel)
              // NaN wins over everything, so that it is seen and not dropped.
              let wins = (value .> best) .| ((value .!= value) .& (best .== best))
              best.replace(with: value, where: wins)
              let position = Int32(truncatingIfNeeded: window.position(row, column))
              winner.replace(with: position, where: wins)
            }
          }
          let index = window.outputOffset + channel
          output.base.store(best, at: index)
          if let winners {
            UnsafeMutableRawPointer(winners + index).storeBytes(
              of: SIMD16<UInt8>(truncatingIfNeeded: winner), as: SIMD16<UInt8>.self)
          }
        },
        narrow: { channel in
          var best = x[first + channel]
          var winner = firstPosition
          for row in window.rows {
            for column in window.columns {
              let value = x[window.pixel(row, column) * channels + channel]
              if value > best || (value.isNaN && !best.isNaN) {
                best = value
                winner = window.position(row, column)
              }
            }
          }
          output.base[window.outputOffset + channel] = best
          winners?[window.outputOffset + channel] = UInt8(truncatingIfNeeded: winner)
        })
    }
  }

  /// inputGradient (+)= outputGradient at each window's winner; of overlapping windows in order of memory.
  public static func backward(
    _ geometry: ConvolutionGeometry, outputGradient: ImageTensor, winners: UnsafePointer<UInt8>,
    inputGradient: ImageTensor, accumulate: Bool
  ) {
    if !accumulate { inputGradient.base.update(repeating: 0, count: inputGradient.count) }
    let channels = outputGradient.channels
    let positions = geometry.kernelHeight * geometry.kernelWidth
    withUnsafeTemporaryAllocation(of: Int.self, capacity: positions) { offsets in
      // Elements from the window's first position to each.
      for position in 0..<positions {
        let (row, column) = position.quotientAndRemainder(dividingBy: geometry.kernelWidth)
        offsets[position] = (row * geometry.input.width + column) * channels
      }
      forEachWindow(geometry, images: outputGradient.images) { window in
        let dy = outputGradient.base + window.outputOffset
        let winners = winners + window.outputOffset
        let first =
          window.imageOffset + window.pixel(window.firstRow, window.firstColumn) * channels
        for channel in 0..<channels {
          inputGradient.base[first + offsets[Int(winners[channel])] + channel] += dy[channel]
        }
      }
    }
  }

  /// One window, on one image.
  private struct Window {
    let geometry: ConvolutionGeometry
    /// Elements before the input image, and before the output pixel.
    let imageOffset: Int
    let outputOffset: Int
    /// Of the whole window's first position; negative in the padding.
    let firstRow: Int
    let firstColumn: Int

    /// Rows and columns of the input that the window covers.
    @inline(__always) var rows: Range<Int> {
      max(firstRow, 0)..<min(firstRow + geometry.kernelHeight, geometry.input.height)
    }
    @inline(__always) var columns: Range<Int> {
      max(firstColumn, 0)..<min(firstColumn + geometry.kernelWidth, geometry.input.width)
    }

    @inline(__always)
    func pixel(_ row: Int, _ column: Int) -> Int { row * geometry.input.width + column }

    @inline(__always)
    func position(_ row: Int, _ column: Int) -> Int {
      (row - firstRow) * geometry.kernelWidth + column - firstColumn
    }
  }

  @inline(__always)
  private static func forEachWindow(
    _ geometry: ConvolutionGeometry, images: Int, _ body: (Window) -> Void
  ) {
    require(
      geometry.kernelHeight * geometry.kernelWidth <= 256,
      "a max pooling window has at most 256 pixels")
    let channels = geometry.output.channels
    for image in 0..<images {
      for row in 0..<geometry.output.height {
        for column in 0..<geometry.output.width {
          let pixel = (image * geometry.output.height + row) * geometry.output.width + column
          body(
            Window(
              geometry: geometry, imageOffset: image * geometry.input.area * channels,
              outputOffset: pixel * channels,
              firstRow: row * geometry.stride - geometry.padding,
              firstColumn: column * geometry.stride - geometry.padding))
        }
      }
    }
  }
}
