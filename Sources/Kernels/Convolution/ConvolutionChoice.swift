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
    let winogradF4 = pair(
      WinogradF4Convolution(self, element), StreamedWinogradF4Convolution(self, element))
    switch element {
    case .float32:
      return (winogradF4 + direct(element) + [BLASConvolution(self)]).compactMap(\.self)
    case .bfloat16:
      let winogradF2 = pair(
        WinogradF2Convolution(self, element), StreamedWinogradF2Convolution(self, element))
      let winograd = isWide ? winogradF2 + winogradF4 : winogradF4 + winogradF2
      return (winograd + direct(element)).compactMap(\.self)
        + algorithms(for: .float32).map { RoundedConvolution($0) }
    }
  }

  /// Whether there are enough channels for products in bfloat16 to save more than smaller tiles cost.
  private var isWide: Bool { groups == 1 && min(input.channels, output.channels) >= 64 }

  /// The algorithms of one transform: the one that streams filters first where these do not stay in the caches
  /// next to the images.
  private func pair<Resident: WinogradAlgorithm, Streamed: WinogradAlgorithm>(
    _ resident: Resident?, _ streamed: Streamed?
  ) -> [(any ConvolutionAlgorithm)?] where Resident.Transform == Streamed.Transform {
    let filters = Resident.Transform.floats(Resident.Transform.positions * weightCount / 9)
    return filters > ReproducibleBlocking.transformedFilters
      ? [streamed, resident] : [resident, streamed]
  }

  /// Algorithms of direct products.
  private func direct(_ element: ElementType) -> [(any ConvolutionAlgorithm)?] {
    let implicit = ImplicitGEMMConvolution(self, element)
    // A band of rows would hold four times what the strided patches of a 1×1 filter need.
    let readsInPlace = implicit.map { $0.paysOff && kernelWidth > 1 } ?? false
    let direct: [(any ConvolutionAlgorithm)?] = [implicit, Im2colConvolution(self, element)]
    return readsInPlace ? direct : direct.reversed()
  }
}
