/// Small pictures as PNG files, through libpng's simplified interface.

import CPNG
import Tensors

public enum PNGEncoder {
  /// The bytes of a PNG file with an image's pixels, as 8-bit RGB.
  ///
  /// The corresponding C function is `png_image_write_to_memory`.
  /// - Precondition: the image has pixels.
  public static func encode(_ image: borrowing ImageBuffer) -> [UInt8] {
    var png = png_image()
    png.version = UInt32(PNG_IMAGE_VERSION)
    png.width = UInt32(image.shape.width)
    png.height = UInt32(image.shape.height)
    png.format = UInt32(PNG_FORMAT_FLAG_COLOR)
    defer { png_image_free(&png) }
    let pixels = image.pixels.elements
    var count = 0
    // Without memory to write to it says how much it needs.
    check(png_image_write_to_memory(&png, nil, &count, 0, pixels.baseAddress, 0, nil), &png)
    return [UInt8](unsafeUninitializedCapacity: count) { bytes, written in
      check(
        png_image_write_to_memory(
          &png, bytes.baseAddress, &count, 0, pixels.baseAddress, 0, nil), &png)
      written = count
    }
  }

  /// Pixels that are there can always be written, unless there is no memory for the file.
  private static func check(_ result: CInt, _ png: inout png_image) {
    if result == 0 { fatalError("cannot write a PNG: \(String(cString: shim_png_message(&png)))") }
  }
}
