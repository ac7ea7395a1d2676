/// Which algorithm computes which convolution.

extension ConvolutionGeometry {
  /// The fastest algorithm for this geometry.
  ///
  /// Chosen from the geometry alone, never by measuring or by `KernelTarget`: algorithms round
  /// differently, so ranks on different machines must agree. docs/measurements has the measurements that
  /// the order rests on.
  public var algorithm: any ConvolutionAlgorithm { algorithms[0] }

  /// Every algorithm that can compute this convolution, the fastest first.
  public var algorithms: [any ConvolutionAlgorithm] {
    let winograd: [(any ConvolutionAlgorithm)?] = [
      WinogradConvolution(self), StreamedWinogradConvolution(self),
    ]
    let implicit = ImplicitGEMMConvolution(self)
    // A band of rows would hold four times what the strided patches of a 1×1 filter need.
    let readsInPlace = implicit.map { $0.paysOff && kernelWidth > 1 } ?? false
    let direct: [(any ConvolutionAlgorithm)?] = [implicit, Im2colConvolution(self)]
    let all =
      (weightsOutgrowCaches ? winograd.reversed() : winograd)
      + (readsInPlace ? direct : direct.reversed()) + [BLASConvolution(self)]
    return all.compactMap { $0 }
  }

  /// Whether transformed filters, four times the weights, do not stay in the caches next to the
  /// images.
  private var weightsOutgrowCaches: Bool {
    4 * weightCount > ReproducibleBlocking.transformedFilters
  }
}
