/// Which algorithm computes which convolution.

extension ConvolutionGeometry {
  /// The algorithm for this geometry.
  public var algorithm: any ConvolutionAlgorithm {
    WinogradConvolution(self)
  }
}
