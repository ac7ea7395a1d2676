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
    let all = (winograd + direct(element)).compactMap(\.self)
    switch element {
    case .float32: return all + [BLASConvolution(self)]
    case .bfloat16:
      return all + algorithms(for: .float32).map { RoundedConvolution($0) }
    }
  }

  /// Algorithms of direct products.
  private func direct(_ element: ElementType) -> [(any ConvolutionAlgorithm)?] {
    let implicit = ImplicitGEMMConvolution(self, element)
    // A band of rows would hold four times what the strided patches of a 1×1 filter need.
    let readsInPlace = implicit.map { $0.paysOff && kernelWidth > 1 } ?? false
    let direct: [(any ConvolutionAlgorithm)?] = [implicit, Im2colConvolution(self, element)]
    return readsInPlace ? direct : direct.reversed()
  }

  /// Whether transformed filters, four times the weights, do not stay in the caches next to the
  /// images.
  private var weightsOutgrowCaches: Bool {
    4 * weightCount > ReproducibleBlocking.transformedFilters
  }
}
