/// Max pooling: the largest input of each window, channel by channel.

import Tensors

public enum MaxPooling {
  /// output = window maximum; `winners` remembers which input won, for the backward pass.
  ///
  /// Padding never wins. Of equal inputs the first in row order wins, as in PyTorch.
  /// - Parameters:
  ///   - geometry: the window, with as many output as input channels.
  ///   - winners: [N, H_out, W_out, C], the winner's pixel h·W + w in its image; overwritten. Nil
  ///     when no backward pass follows.
  public static func forward(
    _ geometry: ConvolutionGeometry, input: ImageTensor, output: ImageTensor,
    winners: UnsafeMutablePointer<Int32>?
  ) {
    let channels = input.channels
    forEachWindow(geometry, images: input.images) { image, target, window in
      let first = window.rows.lowerBound * geometry.input.width + window.columns.lowerBound
      let x = UnsafePointer(input.base) + image * geometry.input.area * channels
      forEachChannelGroup(
        channels,
        wide: { channel in
          var best = x.vector(at: first * channels + channel)
          var winner = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: first))
          for row in window.rows {
            for column in window.columns {
              let pixel = row * geometry.input.width + column
              let value = x.vector(at: pixel * channels + channel)
              // NaN wins over everything, so that it is seen and not dropped.
              let wins = (value .> best) .| ((value .!= value) .& (best .== best))
              best.replace(with: value, where: wins)
              winner.replace(with: Int32(truncatingIfNeeded: pixel), where: wins)
            }
          }
          let index = target * channels + channel
          output.base.store(best, at: index)
          if let winners {
            UnsafeMutableRawPointer(winners + index)
              .storeBytes(of: winner, as: SIMD16<Int32>.self)
          }
        },
        narrow: { channel in
          var best = x[first * channels + channel]
          var winner = first
          for row in window.rows {
            for column in window.columns {
              let pixel = row * geometry.input.width + column
              let value = x[pixel * channels + channel]
              if value > best || (value.isNaN && !best.isNaN) {
                best = value
                winner = pixel
              }
            }
          }
          output.base[target * channels + channel] = best
          winners?[target * channels + channel] = Int32(truncatingIfNeeded: winner)
        })
    }
  }

  /// inputGradient (+)= outputGradient at each window's winner.
  public static func backward(
    _ geometry: ConvolutionGeometry, outputGradient: ImageTensor, winners: UnsafePointer<Int32>,
    inputGradient: ImageTensor, accumulate: Bool
  ) {
    if !accumulate { inputGradient.base.update(repeating: 0, count: inputGradient.count) }
    let channels = outputGradient.channels
    for image in 0..<outputGradient.images {
      let source = image * geometry.output.area * channels
      let target = image * geometry.input.area * channels
      for pixel in 0..<geometry.output.area {
        for channel in 0..<channels {
          let index = source + pixel * channels + channel
          inputGradient.base[target + Int(winners[index]) * channels + channel] +=
            outputGradient.base[index]
        }
      }
    }
  }

  @inline(__always)
  private static func forEachWindow(
    _ geometry: ConvolutionGeometry, images: Int,
    _ body: (_ image: Int, _ outputPixel: Int, _ window: (rows: Range<Int>, columns: Range<Int>))
      -> Void
  ) {
    func span(_ index: Int, _ kernel: Int, _ limit: Int) -> Range<Int> {
      let first = index * geometry.stride - geometry.padding
      return max(first, 0)..<min(first + kernel, limit)
    }
    for image in 0..<images {
      for row in 0..<geometry.output.height {
        let rows = span(row, geometry.kernelHeight, geometry.input.height)
        for column in 0..<geometry.output.width {
          let columns = span(column, geometry.kernelWidth, geometry.input.width)
          body(
            image, (image * geometry.output.height + row) * geometry.output.width + column,
            (rows, columns))
        }
      }
    }
  }
}
