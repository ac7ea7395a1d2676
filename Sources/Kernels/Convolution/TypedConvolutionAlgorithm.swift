/// Algorithms that are written once for images of either element type.

import Tensors

/// A convolution algorithm with generic passes: what `ConvolutionAlgorithm` asks for, of one element type.
protocol TypedConvolutionAlgorithm: ConvolutionAlgorithm {
  /// Of images and their gradients.
  var element: ElementType { get }

  /// As `ConvolutionAlgorithm.forward`.
  func forward<Element: KernelElement>(
    _ input: TensorView<Element>, _ weights: UnsafePointer<Float>, _ output: TensorView<Element>,
    scratch: UnsafeMutablePointer<Float>)

  /// As `ConvolutionAlgorithm.backwardData`.
  func backwardData<Element: KernelElement>(
    _ outputGradient: TensorView<Element>, _ weights: UnsafePointer<Float>,
    _ inputGradient: TensorView<Element>, accumulate: Bool, scratch: UnsafeMutablePointer<Float>)

  /// As `ConvolutionAlgorithm.addWeightGradient`.
  func addWeightGradient<Element: KernelElement>(
    _ input: TensorView<Element>, _ outputGradient: TensorView<Element>,
    into weightGradient: UnsafeMutablePointer<Float>, isFirst: Bool, isLast: Bool,
    scratch: UnsafeMutablePointer<Float>)
}

extension TypedConvolutionAlgorithm {
  func forward(
    input: ImageTensor, weights: UnsafePointer<Float>, output: ImageTensor,
    scratch: UnsafeMutablePointer<Float>
  ) {
    switch element {
    case .float32: forward(input.view(of: Float.self), weights, output.view(), scratch: scratch)
    case .bfloat16:
      forward(input.view(of: BFloat16.self), weights, output.view(), scratch: scratch)
    }
  }

  func backwardData(
    outputGradient: ImageTensor, weights: UnsafePointer<Float>, inputGradient: ImageTensor,
    accumulate: Bool, scratch: UnsafeMutablePointer<Float>
  ) {
    switch element {
    case .float32:
      backwardData(
        outputGradient.view(of: Float.self), weights, inputGradient.view(),
        accumulate: accumulate, scratch: scratch)
    case .bfloat16:
      backwardData(
        outputGradient.view(of: BFloat16.self), weights, inputGradient.view(),
        accumulate: accumulate, scratch: scratch)
    }
  }

  func addWeightGradient(
    input: ImageTensor, outputGradient: ImageTensor,
    into weightGradient: UnsafeMutablePointer<Float>, isFirst: Bool, isLast: Bool,
    scratch: UnsafeMutablePointer<Float>
  ) {
    switch element {
    case .float32:
      addWeightGradient(
        input.view(of: Float.self), outputGradient.view(), into: weightGradient, isFirst: isFirst,
        isLast: isLast, scratch: scratch)
    case .bfloat16:
      addWeightGradient(
        input.view(of: BFloat16.self), outputGradient.view(), into: weightGradient,
        isFirst: isFirst, isLast: isLast, scratch: scratch)
    }
  }
}
