/// Which algorithm computes which convolution.

extension ConvolutionGeometry {
  /// The fastest algorithm for this geometry.
  ///
  /// A modelled choice, not a measured one: the same on every rank and every machine, as equal bits
  /// need it. docs/performance.md has the measurements behind it.
  public var algorithm: any ConvolutionAlgorithm { algorithms[0] }

  /// Every algorithm that can compute this convolution, the fastest first.
  public var algorithms: [any ConvolutionAlgorithm] {
    let winograd: [(any ConvolutionAlgorithm)?] = [
      WinogradConvolution(self), StreamedWinogradConvolution(self),
    ]
    let band = BandConvolution(self)
    // Of a 1×1 filter's strided patches a band would hold four times as much as they need.
    let readsInPlace = band.map { $0.paysOff && kernelWidth > 1 } ?? false
    let direct: [(any ConvolutionAlgorithm)?] = [band, PanelConvolution(self)]
    let all =
      (weightsOutgrowCaches ? winograd.reversed() : winograd)
      + (readsInPlace ? direct : direct.reversed()) + [BLASConvolution(self)]
    return all.compactMap { $0 }
  }

  /// Whether transformed filters, four times the weights, do not stay in the caches next to the
  /// images.
  private var weightsOutgrowCaches: Bool { 4 * weightCount > 1024 * 1024 }
}
