/// An image file's pixels, whichever of the known formats it has.

import Tensors

/// Chooses the decoder by the first bytes of a file; its name says nothing.
public enum ImageDecoder {
  /// The largest image that is decoded, so that a few bytes cannot claim all memory.
  public static let maximumPixels = 1 << 26

  /// The size an image file states in its header; three channels always.
  ///
  /// - Parameter path: for errors.
  /// - Throws: `DatasetError.undecodable`.
  public static func shape(of bytes: [UInt8], path: String) throws -> ImageShape {
    try Format(of: bytes, path: path).shape(of: bytes, path: path)
  }

  /// Decodes an image of known size.
  ///
  /// - Parameters:
  ///   - path: for errors.
  ///   - pixels: [H, W, 3], red, green, blue; `shape.count` bytes, overwritten even on failure.
  /// - Throws: `DatasetError.undecodable`, or `.wrongSize` before decoding anything.
  public static func decode(
    _ bytes: [UInt8], path: String, shape: ImageShape,
    into pixels: UnsafeMutableBufferPointer<UInt8>
  ) throws {
    let format = try Format(of: bytes, path: path)
    let found = try format.shape(of: bytes, path: path)
    guard found == shape else {
      throw DatasetError.wrongSize(path: path, found: found, expected: shape)
    }
    try format.decode(bytes, path: path, shape: shape, into: pixels)
  }

  /// Decodes an image of any size up to `maximumPixels`.
  ///
  /// - Returns: the size, and the pixels as [H, W, 3].
  public static func decode(
    _ bytes: [UInt8], path: String
  ) throws -> (shape: ImageShape, pixels: [UInt8]) {
    let format = try Format(of: bytes, path: path)
    let shape = try format.shape(of: bytes, path: path)
    let pixels = try [UInt8](unsafeUninitializedCapacity: shape.count) { buffer, filled in
      let pixels = UnsafeMutableBufferPointer(rebasing: buffer[..<shape.count])
      try format.decode(bytes, path: path, shape: shape, into: pixels)
      filled = shape.count
    }
    return (shape, pixels)
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

  func shape(of bytes: [UInt8], path: String) throws -> ImageShape {
    let shape =
      switch self {
      case .jpeg: try JPEGDecoder.shape(of: bytes, path: path)
      case .png: try PNGDecoder.shape(of: bytes, path: path)
      }
    // Each side fits 32 bits, so the product fits 64.
    guard shape.area > 0, shape.area <= ImageDecoder.maximumPixels else {
      throw DatasetError.undecodable(
        path: path,
        reason: "it claims \(shape.height)×\(shape.width) pixels, and images may have 1 to "
          + "\(ImageDecoder.maximumPixels)")
    }
    return shape
  }

  func decode(
    _ bytes: [UInt8], path: String, shape: ImageShape,
    into pixels: UnsafeMutableBufferPointer<UInt8>
  ) throws {
    switch self {
    case .jpeg: try JPEGDecoder.decode(bytes, path: path, shape: shape, into: pixels)
    case .png: try PNGDecoder.decode(bytes, path: path, shape: shape, into: pixels)
    }
  }
}
