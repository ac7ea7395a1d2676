/// Rows of an image with zeros around them, so that loops need no conditions at the edges.

import Tensors

/// The layout of a band: some rows of an image, each with `left` and `right` pixels of zeros.
struct PaddedRows: Hashable, Sendable {
  let shape: ImageShape
  let left: Int
  let right: Int

  /// Elements of a row.
  var pitch: Int { (left + shape.width + right) * shape.channels }

  /// Zeros a band of `rows` rows: the zeros around the image stay there.
  func clear(_ band: UnsafeMutablePointer<Float>, rows: Int) {
    band.update(repeating: 0, count: rows * pitch)
  }

  /// Copies rows of an image into a cleared band; rows outside the image become zeros.
  @inline(__always)
  func fill(
    _ image: UnsafePointer<Float>, rows: Range<Int>, into band: UnsafeMutablePointer<Float>
  ) {
    let filled = shape.width * shape.channels
    var target = band + left * shape.channels
    for row in rows {
      if row < 0 || row >= shape.height {
        target.update(repeating: 0, count: filled)
      } else if filled % Vector.lanes == 0 {
        copyVectors(from: image + row * filled, to: target, filled)
      } else {
        target.update(from: image + row * filled, count: filled)
      }
      target += pitch
    }
  }
}
