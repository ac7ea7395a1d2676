/// Direct convolutions of bfloat16 in tiles.

import Tensors

/// A direct algorithm whose products are `TileProduct`s.
struct TileConvolution<Direct: DirectConvolutionAlgorithm>: ConvolutionAlgorithm {
  private let direct: Direct

  /// - Parameter direct: for `.bfloat16Tiles`; its weights are packed as those of `.bfloat16`.
  init(_ direct: Direct) { self.direct = direct }

  var geometry: ConvolutionGeometry { direct.geometry }
  var name: String { direct.name + " in tiles" }
  var relativeErrorBound: Double { direct.relativeErrorBound }
  var preparedWeightCount: Int { direct.preparedWeightCount }

  func prepareForward(_ weights: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<Float>) {
    direct.prepareForward(weights, into: prepared)
  }

  func prepareBackwardData(
    _ weights: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<Float>
  ) {
    direct.prepareBackwardData(weights, into: prepared)
  }

  func scratchCount(images: Int) -> Int { direct.scratchCount(images: images) }

  func forward(
    input: ImageTensor, weights: UnsafePointer<Float>, output: ImageTensor,
    scratch: UnsafeMutablePointer<Float>
  ) {
    direct.forward(
      input.view(of: TileBFloat16.self), weights, output.view(), scratch: scratch)
  }

  func backwardData(
    outputGradient: ImageTensor, weights: UnsafePointer<Float>, inputGradient: ImageTensor,
    accumulate: Bool, scratch: UnsafeMutablePointer<Float>
  ) {
    direct.backwardData(
      outputGradient.view(of: TileBFloat16.self), weights, inputGradient.view(),
      accumulate: accumulate, scratch: scratch)
  }

  func weightScratchCount(images: Int) -> Int { direct.weightScratchCount(images: images) }

  func addWeightGradient(
    input: ImageTensor, outputGradient: ImageTensor,
    into weightGradient: UnsafeMutablePointer<Float>, isFirst: Bool, isLast: Bool,
    scratch: UnsafeMutablePointer<Float>
  ) {
    direct.addWeightGradient(
      input.view(of: TileBFloat16.self), outputGradient.view(), into: weightGradient,
      isFirst: isFirst, isLast: isLast, scratch: scratch)
  }
}

extension DirectConvolutionAlgorithm {
  /// The algorithm with its products in tiles.
  var inTiles: any ConvolutionAlgorithm { TileConvolution(self) }
}
