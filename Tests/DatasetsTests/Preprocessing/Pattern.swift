/// The image that the oracle of resizing and colours makes too.

import Datasets
import Tensors

/// The one image that `pattern` of the oracle makes, in one size.
struct Pattern: ImageSource {
  let shape: ImageShape
  var name: String { "a pattern" }
  var count: Int { 1 }
  var classNames: [String] { ["only"] }
  var imageShape: ImageShape? { nil }
  var fingerprint: String { "\(shape)" }
  /// The byte at a row, a column and a channel.
  var byte: @Sendable (Int, Int, Int) -> Int = { ($0 * 37 + $1 * 91 + $2 * 53 + $0 * $1 * 7) % 256 }

  func label(at index: Int) -> Int { 0 }

  func read(_ index: Int, into image: inout ImageBuffer, divisor: (ImageShape) -> Int) {
    image.reshape(shape)
    let pixels = image.pixels
    for place in 0..<shape.count {
      pixels[place] = UInt8(byte(place / 3 / shape.width, place / 3 % shape.width, place % 3))
    }
  }
}
