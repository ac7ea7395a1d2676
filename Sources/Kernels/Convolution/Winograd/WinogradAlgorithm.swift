/// What the algorithms of Winograd's minimal filtering share.

import CProcessor
import Tensors

/// A 3×3 convolution with stride 1 by some transform.
///
/// Each algorithm is a concrete type of one transform, whose passes the compiler specializes: those of a
/// generic type that is called through `ConvolutionAlgorithm` would call the transforms by pointers.
protocol WinogradAlgorithm: TypedConvolutionAlgorithm {
  associatedtype Transform: WinogradTransform

  var parts: WinogradParts<Transform> { get }

  init(parts: WinogradParts<Transform>)

  /// Whether the algorithm takes channels in these blocks.
  static func fits(_ blocks: ChannelBlocks) -> Bool
}

/// A convolution in tiles and channel blocks.
struct WinogradParts<Transform: WinogradTransform>: Hashable, Sendable {
  let geometry: ConvolutionGeometry
  /// Of images in memory; transformed tiles and filters are the transform's numbers.
  let element: ElementType
  let blocks: ChannelBlocks
  let inputTiles: WinogradTiles<Transform>
  let outputTiles: WinogradTiles<Transform>
}

extension WinogradAlgorithm {
  typealias Tiles = WinogradTiles<Transform>
  typealias Factor = Transform.Factor

  /// - Returns: nil where the algorithm does not fit the convolution.
  init?(_ geometry: ConvolutionGeometry, _ element: ElementType) {
    guard geometry.isWinograd, let blocks = ChannelBlocks(geometry), Self.fits(blocks) else {
      return nil
    }
    self.init(
      parts: WinogradParts(
        geometry: geometry, element: element, blocks: blocks, inputTiles: Tiles(geometry.input),
        outputTiles: Tiles(geometry.output)))
  }

  var geometry: ConvolutionGeometry { parts.geometry }
  var element: ElementType { parts.element }
  var blocks: ChannelBlocks { parts.blocks }
  var inputTiles: Tiles { parts.inputTiles }
  var outputTiles: Tiles { parts.outputTiles }

  var relativeErrorBound: Double {
    Transform.errorGrowth * geometry.directErrorBound + Transform.numberError
  }

  /// Floats of a position's transformed tiles.
  static func transformedFloats(_ tiles: Int, _ channels: Int) -> Int {
    Transform.floats(Tiles.tileStride(tiles, channels: channels))
  }
}

extension ConvolutionGeometry {
  /// Whether Winograd's tiles fit: 3×3, stride 1, padding 1, whole vectors of input channels.
  fileprivate var isWinograd: Bool {
    kernelHeight == 3 && kernelWidth == 3 && stride == 1 && padding == 1
      && input.channels % Vector.lanes == 0
  }
}
