/// Which algorithm computes which convolution.

extension ConvolutionGeometry {
  /// The fastest algorithm for this geometry.
  ///
  /// A modelled choice, not a measured one: the same on every rank and every machine, as equal bits
  /// need it. docs/performance.md has the measurements behind it.
  public var algorithm: any ConvolutionAlgorithm { algorithms[0] }

  /// Every algorithm that can compute this convolution, the fastest first.
  public var algorithms: [any ConvolutionAlgorithm] {
    let candidates: [(any ConvolutionAlgorithm)?] = [
      WinogradConvolution(self), PanelConvolution(self), BLASConvolution(self),
    ]
    return candidates.compactMap { $0 }
  }
}
