/// Average pooling over a window at every position where it fits.

import Tensors

public enum AveragePooling {
  /// output[n, p, q, c] = mean over the window's rows and columns of input[n, p + r, q + s, c].
  ///
  /// A window's pixels are added row by row, as `GlobalAveragePooling` adds an image's: a window as
  /// large as the image gives the same bits.
  /// - Parameters:
  ///   - geometry: stride 1, no padding.
  ///   - output: of Float.
  public static func forward(
    _ geometry: ConvolutionGeometry, input: ImageTensor, output: ImageTensor
  ) {
    require(
      geometry.stride == 1 && geometry.padding == 0, "average pooling has stride 1 and no padding")
    geometry.requirePooled(input, output)
    switch input.element {
    case .float32: forward(geometry, input.view(of: Float.self), output.view())
    case .bfloat16: forward(geometry, input.view(of: BFloat16.self), output.view())
    }
  }

  private static func forward<Element: KernelElement>(
    _ geometry: ConvolutionGeometry, _ input: TensorView<Element>, _ output: TensorView<Float>
  ) {
    let channels = input.channels
    let width = geometry.input.width
    let scale = 1 / Float(geometry.kernelHeight * geometry.kernelWidth)
    for image in 0..<input.images {
      for row in 0..<geometry.output.height {
        for column in 0..<geometry.output.width {
          let x = UnsafePointer(
            input.base + ((image * geometry.input.height + row) * width + column) * channels)
          let pixel = (image * geometry.output.height + row) * geometry.output.width + column
          let y = output.base + pixel * channels
          forEachChannelGroup(
            channels,
            wide: { channel in
              var sum = Vector.zero
              for r in 0..<geometry.kernelHeight {
                for s in 0..<geometry.kernelWidth {
                  sum += Vector(x, at: (r * width + s) * channels + channel)
                }
              }
              y.store(sum * scale, at: channel)
            },
            narrow: { channel in
              var sum: Float = 0
              for r in 0..<geometry.kernelHeight {
                for s in 0..<geometry.kernelWidth {
                  sum += x[(r * width + s) * channels + channel].float
                }
              }
              y[channel] = sum * scale
            })
        }
      }
    }
  }
}
