/// Which algorithm computes which convolution.

import Tensors

extension ConvolutionGeometry {
  /// The fastest algorithm for this geometry.
  ///
  /// Chosen from the geometry and the element type alone, never by measuring or by `KernelTarget`:
  /// algorithms round differently, so ranks on different machines must agree. docs/measurements has the
  /// measurements that the order rests on.
  public func algorithm(for element: ElementType) -> any ConvolutionAlgorithm {
    algorithms(for: element)[0]
  }

  /// Every algorithm that can compute this convolution, the fastest first.
  public func algorithms(for element: ElementType) -> [any ConvolutionAlgorithm] {
    let pair: [(any ConvolutionAlgorithm)?] = [
      WinogradConvolution(self, element), StreamedWinogradConvolution(self, element),
    ]
    let winograd = weightsOutgrowCaches ? pair.reversed() : pair
    switch element {
    case .float32:
      return (winograd + directInFloat).compactMap(\.self)
    case .bfloat16:
      let others = (directInFloat).compactMap(\.self).map { RoundedConvolution($0) }
      return (winograd + [Im2colConvolution(self, element)]).compactMap(\.self) + others
    }
  }

  /// Direct algorithms of Float.
  private var directInFloat: [(any ConvolutionAlgorithm)?] {
    let implicit = ImplicitGEMMConvolution(self)
    // A band of rows would hold four times what the strided patches of a 1×1 filter need.
    let readsInPlace = implicit.map { $0.paysOff && kernelWidth > 1 } ?? false
    let direct: [(any ConvolutionAlgorithm)?] = [implicit, Im2colConvolution(self, .float32)]
    return (readsInPlace ? direct : direct.reversed()) + [BLASConvolution(self)]
  }

  /// Whether transformed filters, four times the weights, do not stay in the caches next to the
  /// images.
  private var weightsOutgrowCaches: Bool {
    4 * weightCount > ReproducibleBlocking.transformedFilters
  }
}
