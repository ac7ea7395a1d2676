/// Max pooling: the largest input of each window, channel by channel.

import CProcessor
import Tensors

extension ConvolutionGeometry {
  /// Ends the process unless the tensors are what pooling windows of this geometry read and write, in either
  /// direction.
  func requirePooled(_ input: ImageTensor, _ output: ImageTensor) {
    require(
      input.shape == self.input && output.shape == self.output && input.images == output.images
        && input.channels == output.channels,
      "pooled images have the geometry's shapes, and their channels stay")
  }
}

public enum MaxPooling {
  /// output = the window's maximum; `argmax` says which input that is, for the backward pass.
  ///
  /// Padding never wins. Of equal inputs the first in row order wins, as in PyTorch.
  /// - Parameters:
  ///   - geometry: the window of at most 256 positions, with as many output as input channels.
  ///   - argmax: [N, H_out, W_out, C], the maximum's position in its window, r·S + s; overwritten.
  ///     Nil when no backward pass follows.
  public static func forward(
    _ geometry: ConvolutionGeometry, input: ImageTensor, output: ImageTensor,
    argmax: UnsafeMutablePointer<UInt8>?
  ) {
    geometry.requirePooled(input, output)
    switch input.element {
    case .float32: forward(geometry, input.view(of: Float.self), output.view(), argmax)
    case .bfloat16: forward(geometry, input.view(of: BFloat16.self), output.view(), argmax)
    }
  }

  private static func forward<Element: KernelElement>(
    _ geometry: ConvolutionGeometry, _ input: TensorView<Element>, _ output: TensorView<Element>,
    _ argmax: UnsafeMutablePointer<UInt8>?
  ) {
    let channels = input.channels
    forEachWindow(geometry, images: input.images) { window in
      let x = UnsafePointer(input.base) + window.imageOffset
      let first = window.pixel(window.rows.lowerBound, window.columns.lowerBound) * channels
      let firstPosition = window.position(window.rows.lowerBound, window.columns.lowerBound)
      forEachChannelGroup(
        channels,
        wide: { channel in
          var best = Vector(x, at: first + channel)
          var winner = SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: firstPosition))
          for row in window.rows {
            for column in window.columns {
              let value = Vector(x, at: window.pixel(row, column) * channels + channel)
              // NaN wins over everything, so that it is seen and not dropped.
              let wins = (value .> best) .| ((value .!= value) .& (best .== best))
              best.replace(with: value, where: wins)
              let position = Int32(truncatingIfNeeded: window.position(row, column))
              winner.replace(with: position, where: wins)
            }
          }
          let index = window.outputOffset + channel
          best.store(to: output.base, at: index)
          if let argmax {
            UnsafeMutableRawPointer(argmax + index).storeBytes(
              of: lowest_bytes(unsafeBitCast(winner, to: SIMD16<UInt32>.self)),
              as: SIMD16<UInt8>.self)
          }
        },
        narrow: { channel in
          var best = x[first + channel].float
          var winner = firstPosition
          for row in window.rows {
            for column in window.columns {
              let value = x[window.pixel(row, column) * channels + channel].float
              if value > best || (value.isNaN && !best.isNaN) {
                best = value
                winner = window.position(row, column)
              }
            }
          }
          output.base[window.outputOffset + channel] = Element(rounding: best)
          argmax?[window.outputOffset + channel] = UInt8(truncatingIfNeeded: winner)
        })
    }
  }

  /// inputGradient (+)= outputGradient at each window's winner; of overlapping windows in order of memory,
  /// and rounded once.
  public static func backward(
    _ geometry: ConvolutionGeometry, outputGradient: ImageTensor, argmax: UnsafePointer<UInt8>,
    inputGradient: ImageTensor, accumulate: Bool
  ) {
    geometry.requirePooled(inputGradient, outputGradient)
    switch outputGradient.element {
    case .float32:
      backward(
        geometry, outputGradient.view(of: Float.self), argmax, inputGradient.view(), accumulate)
    case .bfloat16:
      backward(
        geometry, outputGradient.view(of: BFloat16.self), argmax, inputGradient.view(), accumulate)
    }
  }

  private static func backward<Element: KernelElement>(
    _ geometry: ConvolutionGeometry, _ outputGradient: TensorView<Element>,
    _ argmax: UnsafePointer<UInt8>, _ inputGradient: TensorView<Element>, _ accumulate: Bool
  ) {
    let (input, output, stride) = (geometry.input, geometry.output, geometry.stride)
    let channels = output.channels
    let (dy, dx) = (outputGradient.base, inputGradient.base)
    for image in 0..<outputGradient.images {
      for row in 0..<input.height {
        let rows = Self.windows(row, of: geometry.kernelHeight, geometry, count: output.height)
        for column in 0..<input.width {
          let columns = Self.windows(
            column, of: geometry.kernelWidth, geometry, count: output.width)
          let target = ((image * input.height + row) * input.width + column) * channels
          // Each window that covers the input, and the input's position in it.
          @inline(__always) func forEachWindow(_ body: (_ window: Int, _ position: Int) -> Void) {
            for windowRow in rows {
              for windowColumn in columns {
                body(
                  ((image * output.height + windowRow) * output.width + windowColumn) * channels,
                  (row + geometry.padding - windowRow * stride) * geometry.kernelWidth
                    + (column + geometry.padding - windowColumn * stride))
              }
            }
          }
          forEachChannelGroup(
            channels,
            wide: { channel in
              var sum = accumulate ? Vector(dx, at: target + channel) : .zero
              forEachWindow { window, position in
                let argmax = UnsafeRawPointer(argmax + window + channel)
                  .loadUnaligned(as: SIMD16<UInt8>.self)
                sum += values_where(
                  Vector(dy, at: window + channel), argmax, UInt8(truncatingIfNeeded: position))
              }
              sum.store(to: dx, at: target + channel)
            },
            narrow: { channel in
              var sum = accumulate ? dx[target + channel].float : 0
              forEachWindow { window, position in
                if Int(argmax[window + channel]) == position { sum += dy[window + channel].float }
              }
              dx[target + channel] = Element(rounding: sum)
            })
        }
      }
    }
  }

  /// The windows along one side that cover an input.
  @inline(__always)
  private static func windows(
    _ input: Int, of kernel: Int, _ geometry: ConvolutionGeometry, count: Int
  ) -> Range<Int> {
    let position = input + geometry.padding
    let first = position < kernel ? 0 : (position - kernel) / geometry.stride + 1
    return first..<max(first, min(count, position / geometry.stride + 1))
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
