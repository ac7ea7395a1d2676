/// The committed images and the pixels that Pillow decoded them to.

import Datasets
import Foundation
import Tensors

/// A file of the Fixtures folder.
enum Fixture {
  /// The size of all images among the fixtures.
  static let shape = ImageShape(height: 24, width: 40, channels: 3)

  static func path(_ name: String) -> String { Bundle.module.bundlePath + "/Fixtures/" + name }

  static func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(filePath: path(name))))
  }

  /// `colour.jpg` → the bytes of `colour-jpg.rgb`.
  static func pixels(of image: String) throws -> [UInt8] {
    try bytes(image.replacing(".", with: "-") + ".rgb")
  }
}

/// Writes a file, with the folders above it.
func write(_ bytes: [UInt8], to path: String) throws {
  let url = URL(filePath: path)
  try FileManager.default.createDirectory(
    at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
  try Data(bytes).write(to: url)
}

/// One image of a source.
func pixels(_ source: any ImageSource, _ index: Int) throws -> [UInt8] {
  var image = ImageBuffer()
  try source.read(index, into: &image)
  return Array(image.pixels.elements)
}

/// An image file decoded in a size divided by `divisor`.
func decode(
  _ bytes: [UInt8], path: String, upright: Bool = false, divisor: Int = 1
) throws -> (shape: ImageShape, pixels: [UInt8]) {
  var image = ImageBuffer()
  try ImageDecoder.decode(bytes, path: path, into: &image, ImageDecoding(upright: upright)) { _ in
    divisor
  }
  return (image.shape, Array(image.pixels.elements))
}
