/// JPEG files through libjpeg-turbo, to the pixels that Pillow and torchvision decode.

import CTurboJPEG
import Tensors

/// Decodes baseline and progressive JPEG to RGB; grey is repeated into the three channels.
///
/// The accurate DCT and smooth chroma upsampling are the library's own defaults, and Pillow's. What
/// the library calls a warning (a file that stops early, above all) is an error here. An orientation
/// in the EXIF data is not applied, as in torchvision.
enum JPEGDecoder {
  static func recognizes(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0xFF, 0xD8, 0xFF]) }

  /// - Parameter path: for errors.
  /// - Throws: `DatasetError.undecodable`.
  ///
  /// The corresponding C function is `tjDecompressHeader3`.
  static func shape(of bytes: [UInt8], path: String) throws -> ImageShape {
    try Decompressor(path: path).shape(of: bytes)
  }

  /// - Parameters:
  ///   - path: for errors.
  ///   - pixels: [H, W, 3], of the file's own size.
  /// - Throws: `DatasetError.undecodable`.
  ///
  /// The corresponding C function is `tjDecompress2`.
  static func decode(
    _ bytes: [UInt8], path: String, shape: ImageShape,
    into pixels: UnsafeMutableBufferPointer<UInt8>
  ) throws {
    precondition(pixels.count == shape.count)
    let decompressor = try Decompressor(path: path)
    try decompressor.check(
      tjDecompress2(
        decompressor.handle, bytes, UInt(bytes.count), pixels.baseAddress, Int32(shape.width),
        Int32(shape.width * 3), Int32(shape.height), TJPF_RGB.rawValue,
        TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS))
  }
}

/// One of the library's handles, which no two threads may share.
private struct Decompressor: ~Copyable {
  let path: String
  let handle: tjhandle

  init(path: String) throws {
    guard let handle = tjInitDecompress() else {
      throw DatasetError.undecodable(path: path, reason: String(cString: tjGetErrorStr2(nil)))
    }
    self.path = path
    self.handle = handle
  }

  deinit { tjDestroy(handle) }

  func check(_ code: Int32) throws {
    guard code != 0 else { return }
    throw DatasetError.undecodable(path: path, reason: String(cString: tjGetErrorStr2(handle)))
  }

  func shape(of bytes: [UInt8]) throws -> ImageShape {
    var (width, height, subsampling, colorspace) = (Int32(0), Int32(0), Int32(0), Int32(0))
    try check(
      tjDecompressHeader3(
        handle, bytes, UInt(bytes.count), &width, &height, &subsampling, &colorspace))
    let printing = [TJCS_CMYK, TJCS_YCCK].map { Int32($0.rawValue) }
    if printing.contains(colorspace) {
      throw DatasetError.undecodable(
        path: path, reason: "CMYK JPEG, a format for printing: convert it to RGB")
    }
    return ImageShape(height: Int(height), width: Int(width), channels: 3)
  }
}
