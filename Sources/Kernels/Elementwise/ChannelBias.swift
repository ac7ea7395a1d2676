/// A bias of each channel, for convolutions that no normalization follows.

import Tensors

/// y[n, h, w, c] = x[n, h, w, c] + b[c]; y is Float whatever x is.
public enum ChannelBias {
  /// - Parameter bias: [C].
  public static func forward(_ input: ImageTensor, bias: UnsafePointer<Float>, output: ImageTensor)
  {
    switch input.element {
    case .float32: forward(input.view(of: Float.self), bias, output.view())
    case .bfloat16: forward(input.view(of: BFloat16.self), bias, output.view())
    }
  }

  private static func forward<Element: KernelElement>(
    _ input: TensorView<Element>, _ bias: UnsafePointer<Float>, _ output: TensorView<Float>
  ) {
    let channels = input.channels
    require(output.count == input.count, "a bias changes no shape")
    for first in stride(from: 0, to: input.count, by: channels) {
      let x = UnsafePointer(input.base + first)
      let y = output.base + first
      @inline(__always) func add<Value: Lanes>(_: Value.Type, _ channel: Int) {
        (Value(x, at: channel) + Value(bias, at: channel)).store(to: y, at: channel)
      }
      forEachChannelGroup(
        channels, wide: { add(Vector.self, $0) }, narrow: { add(Float.self, $0) })
    }
  }

  /// The gradient of the bias: biasGradient[c] = Σ over n, h, w of outputGradient, in order of memory.
  public static func backwardBias(
    outputGradient: ImageTensor, biasGradient: UnsafeMutablePointer<Float>
  ) {
    let gradient = outputGradient.view(of: Float.self)
    let channels = gradient.channels
    biasGradient.update(repeating: 0, count: channels)
    for first in stride(from: 0, to: gradient.count, by: channels) {
      let dy = UnsafePointer(gradient.base + first)
      @inline(__always) func add<Value: Lanes>(_: Value.Type, _ channel: Int) {
        (Value(biasGradient, at: channel) + Value(dy, at: channel))
          .store(to: biasGradient, at: channel)
      }
      forEachChannelGroup(
        channels, wide: { add(Vector.self, $0) }, narrow: { add(Float.self, $0) })
    }
  }
}
