/// The anchors of a region proposal network (Ren et al. 2015, arXiv 1506.01497, §3.1.1).

import Tensors

/// Boxes of some sizes and aspect ratios around each position of a feature map.
///
/// As in torchvision and detectron2: corners of the boxes around 0 are rounded, and a position's centre is
/// its index times the stride. Positions are in order of memory; a position's boxes come by ratio, then by size.
package struct AnchorGrid: Hashable, Sendable {
  /// Square roots of areas, in pixels of the network's input.
  package var sizes: [Double]
  /// Height over width.
  package var ratios: [Double]
  /// Pixels of the input between neighbouring positions.
  package let stride: Int

  package init(sizes: [Double], ratios: [Double], stride: Int) {
    self.sizes = sizes
    self.ratios = ratios
    self.stride = stride
  }

  /// Anchors at each position.
  package var countPerPosition: Int { sizes.count * ratios.count }

  /// The anchors around 0, each x1, y1, x2, y2.
  package var base: [SIMD4<Float>] {
    ratios.flatMap { ratio in
      sizes.map { size in
        let height = Float(size) * Float(ratio).squareRoot()
        let width = Float(size) * (1 / Float(ratio).squareRoot())
        return (SIMD4(-width, -height, width, height) / 2).rounded(.toNearestOrEven)
      }
    }
  }

  /// All anchors of a feature map, [positions · anchors of a position].
  ///
  /// - Parameter map: its shape; channels do not matter.
  package func anchors(of map: ImageShape) -> [SIMD4<Float>] {
    let base = base
    var anchors: [SIMD4<Float>] = []
    anchors.reserveCapacity(map.area * base.count)
    for row in 0..<map.height {
      for column in 0..<map.width {
        let (x, y) = (Float(column * stride), Float(row * stride))
        let shift = SIMD4(x, y, x, y)
        for anchor in base { anchors.append(anchor + shift) }
      }
    }
    return anchors
  }
}
