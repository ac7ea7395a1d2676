/// A convolution of bfloat16 by an algorithm of Float.

import Tensors

/// Widens the operands, computes in Float and rounds the results: for the geometries that no algorithm of
/// bfloat16 computes.
struct RoundedConvolution<Base: ConvolutionAlgorithm>: ConvolutionAdapter {
  let base: Base

  /// - Parameter base: an algorithm of Float.
  init(_ base: Base) { self.base = base }

  var name: String { base.name + ", in fp32" }

  // MARK: Scratch

  private func inputCount(_ images: Int) -> Int {
    CacheLine.whole(floats: images * geometry.input.count)
  }

  private func outputCount(_ images: Int) -> Int {
    CacheLine.whole(floats: images * geometry.output.count)
  }

  func scratchCount(images: Int) -> Int {
    inputCount(images) + outputCount(images) + base.scratchCount(images: images)
  }

  func weightScratchCount(images: Int) -> Int {
    base.weightScratchCount(images: images) + inputCount(images) + outputCount(images)
  }

  /// The same numbers in Float.
  private func widened(
    _ tensor: ImageTensor, into memory: UnsafeMutablePointer<Float>
  ) -> ImageTensor {
    let wide = ImageTensor(base: memory, images: tensor.images, shape: tensor.shape)
    Elementwise.copy(tensor, to: wide)
    return wide
  }

  // MARK: Passes

  func forward(
    input: ImageTensor, weights: UnsafePointer<Float>, output: ImageTensor,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let sums = scratch + inputCount(input.images)
    let wide = ImageTensor(base: sums, images: output.images, shape: output.shape)
    base.forward(
      input: widened(input, into: scratch), weights: weights, output: wide,
      scratch: sums + outputCount(input.images))
    Elementwise.copy(wide, to: output)
  }

  func backwardData(
    outputGradient: ImageTensor, weights: UnsafePointer<Float>, inputGradient: ImageTensor,
    accumulate: Bool, scratch: UnsafeMutablePointer<Float>
  ) {
    let gradients = scratch + inputCount(inputGradient.images)
    let wide = TensorView(
      base: scratch, images: inputGradient.images, shape: inputGradient.shape)
    base.backwardData(
      outputGradient: widened(outputGradient, into: gradients), weights: weights,
      inputGradient: ImageTensor(wide), accumulate: false,
      scratch: gradients + outputCount(inputGradient.images))
    Elementwise.convert(
      wide, to: inputGradient.view(of: BFloat16.self), accumulate: accumulate)
  }

  func addWeightGradient(
    input: ImageTensor, outputGradient: ImageTensor,
    into weightGradient: UnsafeMutablePointer<Float>, isFirst: Bool, isLast: Bool,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let operands = scratch + base.weightScratchCount(images: input.images)
    base.addWeightGradient(
      input: widened(input, into: operands),
      outputGradient: widened(outputGradient, into: operands + inputCount(input.images)),
      into: weightGradient, isFirst: isFirst, isLast: isLast, scratch: scratch)
  }
}

extension ConvolutionAlgorithm {
  /// This algorithm of Float for images of bfloat16.
  var rounded: any ConvolutionAlgorithm { RoundedConvolution(self) }
}
