/// Global average pooling: each channel's mean over the image.

import Tensors

public enum GlobalAveragePooling {
  /// output[n, c] = mean over h, w of input[n, h, w, c], in Float, pixels in order of memory.
  ///
  /// - Parameter output: of Float.
  public static func forward(_ input: ImageTensor, output: ImageTensor) {
    require(
      output.count == input.images * input.channels,
      "a global average has one element per image and channel of its map")
    switch input.element {
    case .float32: forward(input.view(of: Float.self), output.view())
    case .bfloat16: forward(input.view(of: BFloat16.self), output.view())
    }
  }

  private static func forward<Element: KernelElement>(
    _ input: TensorView<Element>, _ output: TensorView<Float>
  ) {
    let channels = input.channels
    let area = input.shape.area
    let scale = 1 / Float(area)
    for image in 0..<input.images {
      let x = UnsafePointer(input.base + image * area * channels)
      let y = output.base + image * channels
      forEachChannelGroup(
        channels,
        wide: { channel in
          var sum = Vector.zero
          for pixel in 0..<area { sum += Vector(x, at: pixel * channels + channel) }
          y.store(sum * scale, at: channel)
        },
        narrow: { channel in
          var sum: Float = 0
          for pixel in 0..<area { sum += x[pixel * channels + channel].float }
          y[channel] = sum * scale
        })
    }
  }

  /// inputGradient[n, h, w, c] (+)= outputGradient[n, c] / (H·W).
  ///
  /// - Parameter outputGradient: of Float.
  public static func backward(
    outputGradient: ImageTensor, inputGradient: ImageTensor, accumulate: Bool
  ) {
    require(
      outputGradient.count == inputGradient.images * inputGradient.channels,
      "a global average has one element per image and channel of its map")
    switch inputGradient.element {
    case .float32:
      backward(outputGradient.view(), inputGradient.view(of: Float.self), accumulate)
    case .bfloat16:
      backward(outputGradient.view(), inputGradient.view(of: BFloat16.self), accumulate)
    }
  }

  private static func backward<Element: KernelElement>(
    _ outputGradient: TensorView<Float>, _ inputGradient: TensorView<Element>, _ accumulate: Bool
  ) {
    let channels = inputGradient.channels
    let area = inputGradient.shape.area
    let scale = 1 / Float(area)
    for image in 0..<inputGradient.images {
      let dy = UnsafePointer(outputGradient.base + image * channels)
      let dx = inputGradient.base + image * area * channels
      @inline(__always) func spread<Value: Lanes>(_ share: Value, _ channel: Int) {
        for pixel in 0..<area {
          let index = pixel * channels + channel
          ((accumulate ? Value(dx, at: index) : .zero) + share).store(to: dx, at: index)
        }
      }
      forEachChannelGroup(
        channels, wide: { spread(dy.vector(at: $0) * scale, $0) },
        narrow: { spread(dy[$0] * scale, $0) })
    }
  }
}
