/// Algorithms that compute by another one.

import Tensors

/// An algorithm that converts operands and results for another one, whose geometry and prepared weights it has.
protocol ConvolutionAdapter: ConvolutionAlgorithm {
  associatedtype Base: ConvolutionAlgorithm

  var base: Base { get }
}

extension ConvolutionAdapter {
  var geometry: ConvolutionGeometry { base.geometry }
  var relativeErrorBound: Double { base.relativeErrorBound }
  var preparedWeightCount: Int { base.preparedWeightCount }
  var streamsWeights: Bool { base.streamsWeights }

  func prepareForward(_ weights: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<Float>) {
    base.prepareForward(weights, into: prepared)
  }

  func prepareBackwardData(
    _ weights: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<Float>
  ) {
    base.prepareBackwardData(weights, into: prepared)
  }
}
