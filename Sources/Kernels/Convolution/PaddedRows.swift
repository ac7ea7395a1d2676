/// Rows of an image with zeros around them, so that loops need no conditions at the edges.

import Tensors

/// The layout of a band: some rows of an image, each with `left` and `right` pixels of zeros.
struct PaddedRows: Hashable, Sendable {
  let shape: ImageShape
  let left: Int
  let right: Int

  /// Elements of a row.
  var pitch: Int { (left + shape.width + right) * shape.channels }

  /// Makes a band of `rows` rows ready for `fill`: zeros on both sides of the image, which stay there.
  func clearSides<Element: KernelElement>(_ band: UnsafeMutablePointer<Element>, rows: Int) {
    for row in 0..<rows {
      let start = band + row * pitch
      start.update(repeating: .zero, count: left * shape.channels)
      (start + (left + shape.width) * shape.channels).update(
        repeating: .zero, count: right * shape.channels)
    }
  }

  /// Copies rows of an image with `pixelStride` channels, or of whole vectors of its channels, between the
  /// zeros on both sides, perhaps into another element type; rows outside the image become zeros.
  @inline(__always)
  func fill<Element: KernelElement, Padded: KernelElement>(
    _ image: UnsafePointer<Element>, pixelStride: Int, rows: Range<Int>,
    into band: UnsafeMutablePointer<Padded>
  ) {
    let filled = shape.width * shape.channels
    forEachRow(rows, band) { row, target in
      let source = image + row * shape.width * pixelStride
      if pixelStride > shape.channels {
        for pixel in 0..<shape.width {
          copyVectors(
            from: source + pixel * pixelStride, to: target + pixel * shape.channels,
            shape.channels)
        }
      } else if filled % Vector.lanes == 0 {
        copyVectors(from: source, to: target, filled)
      } else {
        for index in 0..<filled { target[index] = Padded(rounding: source[index].float) }
      }
    }
  }

  /// Calls `body` with each row of the image and its target, and clears the rows outside the image.
  @inline(__always)
  private func forEachRow<Padded: KernelElement>(
    _ rows: Range<Int>, _ band: UnsafeMutablePointer<Padded>,
    _ body: (_ row: Int, _ target: UnsafeMutablePointer<Padded>) -> Void
  ) {
    var target = band + left * shape.channels
    for row in rows {
      if row < 0 || row >= shape.height {
        target.update(repeating: .zero, count: shape.width * shape.channels)
      } else {
        body(row, target)
      }
      target += pitch
    }
  }
}
