/// Direct convolutions of bfloat16 in tiles.

import Tensors

/// A direct algorithm whose products are `TileProduct`s.
struct TileConvolution<Base: DirectConvolutionAlgorithm>: ConvolutionAdapter {
  let base: Base

  /// - Parameter base: for `.bfloat16Tiles`; its weights are packed as those of `.bfloat16`.
  init(_ base: Base) { self.base = base }

  var name: String { base.name + " in tiles" }

  func scratchCount(images: Int) -> Int { base.scratchCount(images: images) }

  func forward(
    input: ImageTensor, weights: UnsafePointer<Float>, output: ImageTensor,
    scratch: UnsafeMutablePointer<Float>
  ) {
    base.forward(
      input.view(of: TileBFloat16.self), weights, output.view(), scratch: scratch)
  }

  func backwardData(
    outputGradient: ImageTensor, weights: UnsafePointer<Float>, inputGradient: ImageTensor,
    accumulate: Bool, scratch: UnsafeMutablePointer<Float>
  ) {
    base.backwardData(
      outputGradient.view(of: TileBFloat16.self), weights, inputGradient.view(),
      accumulate: accumulate, scratch: scratch)
  }

  func weightScratchCount(images: Int) -> Int { base.weightScratchCount(images: images) }

  func addWeightGradient(
    input: ImageTensor, outputGradient: ImageTensor,
    into weightGradient: UnsafeMutablePointer<Float>, isFirst: Bool, isLast: Bool,
    scratch: UnsafeMutablePointer<Float>
  ) {
    base.addWeightGradient(
      input.view(of: TileBFloat16.self), outputGradient.view(), into: weightGradient,
      isFirst: isFirst, isLast: isLast, scratch: scratch)
  }
}

extension DirectConvolutionAlgorithm {
  /// The algorithm with its products in tiles.
  var inTiles: any ConvolutionAlgorithm { TileConvolution(self) }
}
