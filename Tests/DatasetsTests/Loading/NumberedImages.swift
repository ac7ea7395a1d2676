/// A source whose images say who they are.

import Datasets
import Tensors

struct Unreadable: Error, Equatable {
  let index: Int
}

/// Image i: every byte follows from i and the byte's place; label i mod 7.
struct NumberedImages: ImageSource {
  let count: Int
  var shape = ImageShape(height: 6, width: 5, channels: 3)
  /// Reading this image throws.
  var unreadable: Int?

  var imageShape: ImageShape? { shape }
  var name: String { "\(count) numbered images" }
  var classNames: [String] { (0..<7).map { "class \($0)" } }
  var fingerprint: String { "\(count)" }

  func label(at index: Int) -> Int { index % 7 }

  static func byte(_ index: Int, _ place: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: index &* 131 &+ place &* 29 &+ index &* place)
  }

  func read(
    _ index: Int, into image: inout ImageBuffer, divisor: (ImageShape) -> Int
  ) throws {
    if index == unreadable { throw Unreadable(index: index) }
    image.reshape(shape)
    let pixels = image.pixels
    for place in 0..<shape.count { pixels[place] = Self.byte(index, place) }
  }
}
