/// A copy of an image file with boxes drawn into it.

public enum BoxPicture {
  /// The bytes of a PNG file where `path` ends in `.png`, else of a JPEG file.
  ///
  /// - Throws: `DatasetError` when the file cannot be read or decoded.
  public static func encoded(
    _ path: String, _ boxes: [LabelledBox], decoding: ImageDecoding
  ) throws -> [UInt8] {
    var image = ImageBuffer()
    try ImageDecoder.decode(try fileBytes(at: path), path: path, into: &image, decoding)
    BoxDrawing.draw(boxes, into: &image)
    let isLarge = max(image.shape.height, image.shape.width) > JPEGEncoder.longestSide
    return isPNG(path) || isLarge ? PNGEncoder.encode(image) : JPEGEncoder.encode(image)
  }

  private static func isPNG(_ path: String) -> Bool { path.lowercased().hasSuffix(".png") }
}
