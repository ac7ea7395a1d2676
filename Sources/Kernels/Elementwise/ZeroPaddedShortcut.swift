/// Shortcut A (He et al. 2015, §3.3): identity, subsampled by the stride, with zeros appended after
/// the channels where the dimensions grow. It has no parameters.

import Tensors

public enum ZeroPaddedShortcut {
  /// output[n, h, w, :C] = input[n, h·stride, w·stride, :]; the channels beyond C are 0.
  public static func forward(_ input: ImageTensor, stride: Int, output: ImageTensor) {
    requireFit(input, stride, output)
    switch input.element {
    case .float32: forward(input.view(of: Float.self), stride, output.view())
    case .bfloat16: forward(input.view(of: BFloat16.self), stride, output.view())
    }
  }

  private static func forward<Element: KernelElement>(
    _ input: TensorView<Element>, _ stride: Int, _ output: TensorView<Element>
  ) {
    let channels = input.channels
    let spare = output.channels - channels
    forEachPixel(input: input, stride: stride, output: output) { inputOffset, outputOffset in
      (output.base + outputOffset).update(from: input.base + inputOffset, count: channels)
      (output.base + outputOffset + channels).update(repeating: .zero, count: spare)
    }
  }

  /// Adds the gradient of the first C channels back to the pixels that were kept.
  ///
  /// - Parameter accumulate: add to `inputGradient` instead of overwriting it (pixels that were
  ///   skipped get 0).
  public static func backward(
    outputGradient: ImageTensor, stride: Int, inputGradient: ImageTensor, accumulate: Bool
  ) {
    requireFit(inputGradient, stride, outputGradient)
    switch outputGradient.element {
    case .float32:
      backward(outputGradient.view(of: Float.self), stride, inputGradient.view(), accumulate)
    case .bfloat16:
      backward(outputGradient.view(of: BFloat16.self), stride, inputGradient.view(), accumulate)
    }
  }

  private static func backward<Element: KernelElement>(
    _ outputGradient: TensorView<Element>, _ stride: Int, _ inputGradient: TensorView<Element>,
    _ accumulate: Bool
  ) {
    if !accumulate { inputGradient.base.update(repeating: .zero, count: inputGradient.count) }
    let channels = inputGradient.channels
    forEachPixel(input: inputGradient, stride: stride, output: outputGradient) {
      inputOffset, outputOffset in
      let target = inputGradient.base + inputOffset
      Elementwise.addElements(
        target, outputGradient.base + outputOffset, output: target, count: channels)
    }
  }

  private static func requireFit(_ input: ImageTensor, _ stride: Int, _ output: ImageTensor) {
    require(
      output.images == input.images && output.channels >= input.channels && stride > 0
        && (output.shape.height - 1) * stride < input.shape.height
        && (output.shape.width - 1) * stride < input.shape.width,
      "a shortcut keeps pixels and channels that its input has")
  }

  @inline(__always)
  private static func forEachPixel<Element: KernelElement>(
    input: TensorView<Element>, stride: Int, output: TensorView<Element>,
    _ body: (_ inputOffset: Int, _ outputOffset: Int) -> Void
  ) {
    for image in 0..<output.images {
      for row in 0..<output.shape.height {
        for column in 0..<output.shape.width {
          let inputPixel =
            (image * input.shape.height + row * stride) * input.shape.width + column * stride
          let outputPixel =
            (image * output.shape.height + row) * output.shape.width + column
          body(inputPixel * input.channels, outputPixel * output.channels)
        }
      }
    }
  }
}
