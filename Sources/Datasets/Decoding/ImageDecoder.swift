/// An image file's pixels, whichever of the known formats it has.

import Tensors

/// Chooses the decoder by the first bytes of a file; its name says nothing.
public enum ImageDecoder {
  /// The size an image file states in its header; three channels always.
  ///
  /// - Parameters:
  ///   - path: for errors.
  ///   - upright: whether a JPEG file's EXIF orientation is applied.
  /// - Throws: `DatasetError.undecodable`.
  public static func shape(
    of bytes: [UInt8], path: String, upright: Bool = false
  ) throws -> ImageShape {
    switch try Format(of: bytes, path: path) {
    case .jpeg:
      let shape = try JPEGDecoder.shape(of: bytes, path: path)
      return upright ? Orientation(of: bytes).upright(shape) : shape
    case .png: return try PNGDecoder.shape(of: bytes, path: path)
    }
  }

  /// The size an image file states in its header, read from its beginning where that is enough.
  ///
  /// - Throws: `DatasetError`.
  public static func shape(ofFile path: String, upright: Bool = false) throws -> ImageShape {
    let count = try fileSize(at: path)
    if count > headBytes,
      let shape = try? shape(
        of: fileBytes(at: path, range: 0..<headBytes), path: path, upright: upright)
    {
      return shape
    }
    return try shape(of: fileBytes(at: path), path: path, upright: upright)
  }

  /// Bytes that hold the header of most files.
  private static let headBytes = 1 << 16

  /// Decodes an image of any size that `decoding` allows.
  ///
  /// - Parameters:
  ///   - path: for errors.
  ///   - image: takes the image; overwritten even on failure.
  ///   - decoding: what else is asked.
  ///   - divisor: asked with the image's size before decoding: 1, 2, 4 or 8. A JPEG file is then decoded
  ///     to a size divided by that, rounded up; other formats do not ask.
  /// - Throws: `DatasetError.undecodable`, `DatasetError.oversized`.
  public static func decode(
    _ bytes: [UInt8], path: String, into image: inout ImageBuffer,
    _ decoding: ImageDecoding = ImageDecoding(), divisor: (ImageShape) -> Int = { _ in 1 }
  ) throws {
    switch try Format(of: bytes, path: path) {
    case .jpeg:
      guard decoding.upright else {
        return try JPEGDecoder.decode(bytes, path: path, into: &image, decoding, divisor: divisor)
      }
      let orientation = Orientation(of: bytes)
      try JPEGDecoder.decode(bytes, path: path, into: &image, decoding) {
        divisor(orientation.upright($0))
      }
      orientation.apply(to: &image)
    case .png: try PNGDecoder.decode(bytes, path: path, into: &image, decoding)
    }
  }

  /// A size from a header, where it is one.
  ///
  /// - Throws: `DatasetError.undecodable`.
  static func checked(_ shape: ImageShape, path: String) throws -> ImageShape {
    guard shape.area > 0 else {
      throw DatasetError.undecodable(
        path: path, reason: "it claims \(shape.height)×\(shape.width) pixels")
    }
    return shape
  }
}

private enum Format {
  case jpeg
  case png

  init(of bytes: [UInt8], path: String) throws {
    if JPEGDecoder.recognizes(bytes) {
      self = .jpeg
    } else if PNGDecoder.recognizes(bytes) {
      self = .png
    } else {
      throw DatasetError.undecodable(
        path: path,
        reason: bytes.isEmpty
          ? "it is empty" : "it is neither a JPEG nor a PNG image, whatever its name says")
    }
  }
}
