/// Which algorithm computes which convolution.

import Tensors

extension ConvolutionGeometry {
  /// The fastest algorithm for this geometry.
  ///
  /// Chosen from the geometry and the arithmetic alone, never by measuring or by `KernelTarget`:
  /// algorithms round differently, so ranks on different machines must agree. docs/measurements has the
  /// measurements that the order rests on.
  public func algorithm(for arithmetic: ProductArithmetic) -> any ConvolutionAlgorithm {
    algorithms(for: arithmetic)[0]
  }

  /// Every algorithm that can compute this convolution, the fastest first.
  public func algorithms(for arithmetic: ProductArithmetic) -> [any ConvolutionAlgorithm] {
    let direct = direct(arithmetic)
    switch arithmetic {
    case .float32:
      return winogradF4(arithmetic.element) + direct + [BLASConvolution(self)].compactMap(\.self)
    case .bfloat16:
      let (f2, f4) = (winogradF2(arithmetic.element), winogradF4(arithmetic.element))
      return (isWide ? f2 + f4 : f4 + f2) + direct + rounded
    case .bfloat16Tiles:
      // Tiles multiply sixteen times as many numbers as vectors of Float: memory is what takes time, and
      // Winograd's tiles take more of it.
      return direct.map(\.inTiles) + rounded
    }
  }

  /// Algorithms of Float, for bfloat16.
  private var rounded: [any ConvolutionAlgorithm] {
    algorithms(for: .float32).map(\.rounded)
  }

  private func winogradF2(_ element: ElementType) -> [any ConvolutionAlgorithm] {
    pair(WinogradF2Convolution(self, element), StreamedWinogradF2Convolution(self, element))
  }

  private func winogradF4(_ element: ElementType) -> [any ConvolutionAlgorithm] {
    pair(WinogradF4Convolution(self, element), StreamedWinogradF4Convolution(self, element))
  }

  /// Whether there are enough channels for products in bfloat16 to save more than smaller tiles cost.
  private var isWide: Bool { groups == 1 && min(input.channels, output.channels) >= 64 }

  /// The algorithms of one transform: the one that streams filters first where these do not stay in the caches
  /// next to the images.
  private func pair<Resident: WinogradAlgorithm, Streamed: WinogradAlgorithm>(
    _ resident: Resident?, _ streamed: Streamed?
  ) -> [any ConvolutionAlgorithm] where Resident.Transform == Streamed.Transform {
    let filters = Resident.Transform.floats(Resident.Transform.positions * weightCount / 9)
    let both: [(any ConvolutionAlgorithm)?] =
      filters > ReproducibleBlocking.transformedFilters
      ? [streamed, resident] : [resident, streamed]
    return both.compactMap(\.self)
  }

  /// Algorithms of direct products.
  private func direct(_ arithmetic: ProductArithmetic) -> [any DirectConvolutionAlgorithm] {
    let implicit = ImplicitGEMMConvolution(self, arithmetic)
    // A band of rows would hold four times what the strided patches of a 1×1 filter need.
    let readsInPlace = implicit.map { $0.paysOff && kernelWidth > 1 } ?? false
    let both: [(any DirectConvolutionAlgorithm)?] = [
      implicit, Im2colConvolution(self, arithmetic),
    ]
    return (readsInPlace ? both : both.reversed()).compactMap(\.self)
  }
}
