/// PNG files through libpng's simplified interface.

import CPNG
import Tensors

/// Decodes any PNG to 8-bit RGB; grey is repeated, a palette looked up, transparency dropped, as by
/// Pillow's `convert("RGB")` in torchvision.
///
/// Unlike there, a file that states a gamma other than sRGB's is converted to sRGB.
enum PNGDecoder {
  static func recognizes(_ bytes: [UInt8]) -> Bool {
    bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
  }

  /// - Parameter path: for errors.
  /// - Throws: `DatasetError.undecodable`.
  ///
  /// The corresponding C function is `png_image_begin_read_from_memory`.
  static func shape(of bytes: [UInt8], path: String) throws -> ImageShape {
    try withImage(bytes, path: path) { png, shape in shape }
  }

  /// - Parameter path: for errors.
  /// - Throws: `DatasetError.undecodable`, `DatasetError.oversized`.
  ///
  /// The corresponding C function is `png_image_finish_read`.
  static func decode(
    _ bytes: [UInt8], path: String, into image: inout ImageBuffer, _ decoding: ImageDecoding
  ) throws {
    try withImage(bytes, path: path) { png, shape in
      try decoding.check(shape, decoded: shape, path: path)
      image.reshape(shape)
      let pixels = image.pixels
      // Samples of 16 bits would otherwise be taken for linear light.
      png.flags |= UInt32(PNG_IMAGE_FLAG_16BIT_sRGB)
      guard png.format & UInt32(PNG_FORMAT_FLAG_ALPHA) != 0 else {
        png.format = UInt32(PNG_FORMAT_FLAG_COLOR)
        return try finish(&png, path: path, into: pixels)
      }
      png.format = UInt32(PNG_FORMAT_FLAG_COLOR) | UInt32(PNG_FORMAT_FLAG_ALPHA)
      try withUnsafeTemporaryAllocation(of: UInt8.self, capacity: shape.area * 4) { colors in
        try finish(&png, path: path, into: MutableVectorView(colors))
        for pixel in 0..<shape.area {
          for c in 0..<3 { pixels[pixel * 3 + c] = colors[pixel * 4 + c] }
        }
      }
    }
  }

  private static func withImage<Result>(
    _ bytes: [UInt8], path: String, _ body: (inout png_image, ImageShape) throws -> Result
  ) throws -> Result {
    try bytes.withUnsafeBytes { file in
      var image = png_image()
      image.version = UInt32(PNG_IMAGE_VERSION)
      defer { png_image_free(&image) }
      guard png_image_begin_read_from_memory(&image, file.baseAddress, file.count) != 0 else {
        throw error(&image, path: path)
      }
      let shape = ImageShape(height: Int(image.height), width: Int(image.width), channels: 3)
      return try body(&image, ImageDecoder.checked(shape, path: path))
    }
  }

  private static func finish(
    _ image: inout png_image, path: String, into pixels: MutableVectorView<UInt8>
  ) throws {
    guard png_image_finish_read(&image, nil, pixels.elements.baseAddress, 0, nil) != 0 else {
      throw error(&image, path: path)
    }
  }

  private static func error(_ image: inout png_image, path: String) -> DatasetError {
    .undecodable(path: path, reason: String(cString: shim_png_message(&image)))
  }
}
