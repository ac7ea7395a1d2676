/// Affine maps of images, as Pillow's `transform` with `AFFINE` and `BILINEAR`.

import Glibc
import Tensors

/// Where in the image a pixel of the result comes from, both as distances from the top left corner.
struct AffineMap {
  var xPerX = 1.0
  var xPerY = 0.0
  var x = 0.0
  var yPerX = 0.0
  var yPerY = 1.0
  var y = 0.0

  /// - Parameter shape: of an image that is turned around its centre.
  static func rotation(degrees: Double, of shape: ImageShape) -> AffineMap {
    let angle = -degrees * .pi / 180
    // Pillow's rounding; the same numbers on machines whose cosines differ in the last bit.
    let (cosine, sine) = (rounded(cos(angle)), rounded(sin(angle)))
    let (x, y) = (Double(shape.width) / 2, Double(shape.height) / 2)
    return AffineMap(
      xPerX: cosine, xPerY: sine, x: cosine * -x + sine * -y + x, yPerX: -sine, yPerY: cosine,
      y: -sine * -x + cosine * -y + y)
  }

  /// To 15 decimals.
  private static func rounded(_ value: Double) -> Double { (value * 1e15).rounded() / 1e15 }
}

extension ImageBuffer {
  /// Turns the image around its centre, anticlockwise.
  mutating func rotate(degrees: Double, scratch: inout ImageBuffer) {
    if degrees == 0 { return }
    if abs(degrees) == 90, shape.height == shape.width {
      turn(clockwise: degrees < 0, scratch: &scratch)
    } else {
      transform(.rotation(degrees: degrees, of: shape), scratch: &scratch)
    }
  }

  /// Turns a square image by 90 degrees.
  private mutating func turn(clockwise: Bool, scratch: inout ImageBuffer) {
    scratch.reshape(shape)
    let (side, pixels, target) = (shape.width, pixels, scratch.pixels)
    for row in 0..<side {
      for column in 0..<side {
        let from = clockwise ? (side - 1 - column) * side + row : column * side + side - 1 - row
        for channel in 0..<3 {
          target[(row * side + column) * 3 + channel] = pixels[from * 3 + channel]
        }
      }
    }
    swap(&self, &scratch)
  }

  /// Makes the image what `map` takes from it, of the same size; black from outside.
  mutating func transform(_ map: AffineMap, scratch: inout ImageBuffer) {
    scratch.reshape(shape)
    let (height, width) = (shape.height, shape.width)
    let (pixels, target) = (pixels, scratch.pixels)
    for row in 0..<height {
      for column in 0..<width {
        let place = (row * width + column) * 3
        let (outX, outY) = (Double(column) + 0.5, Double(row) + 0.5)
        let x = map.xPerX * outX + map.xPerY * outY + map.x
        let y = map.yPerX * outX + map.yPerY * outY + map.y
        guard x >= 0, x < Double(width), y >= 0, y < Double(height) else {
          for channel in 0..<3 { target[place + channel] = 0 }
          continue
        }
        let (left, top) = ((x - 0.5).rounded(.down), (y - 0.5).rounded(.down))
        let (dx, dy) = (x - 0.5 - left, y - 0.5 - top)
        let columns = (max(Int(left), 0), min(Int(left) + 1, width - 1))
        let upper = max(Int(top), 0) * width
        let lower = min(Int(top) + 1, height - 1) * width
        for channel in 0..<3 {
          func mixed(_ line: Int) -> Double {
            let from = Double(pixels[(line + columns.0) * 3 + channel])
            return from + (Double(pixels[(line + columns.1) * 3 + channel]) - from) * dx
          }
          let above = mixed(upper)
          target[place + channel] = UInt8(above + (mixed(lower) - above) * dy)
        }
      }
    }
    swap(&self, &scratch)
  }
}
