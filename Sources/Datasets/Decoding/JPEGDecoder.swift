/// JPEG files through libjpeg-turbo, to the pixels that Pillow and torchvision decode.

import CTurboJPEG
import Tensors

/// Decodes baseline and progressive JPEG to RGB; grey is repeated into the three channels, CMYK and
/// YCCK, whose values Adobe's programs store inverted, are converted as by Pillow.
///
/// The accurate DCT and smooth chroma upsampling are the library's own defaults, and Pillow's. What
/// the library calls a warning (a file that stops early, above all) is an error here. An orientation
/// in the EXIF data is not applied here.
enum JPEGDecoder {
  static func recognizes(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0xFF, 0xD8, 0xFF]) }

  /// - Parameter path: for errors.
  /// - Throws: `DatasetError.undecodable`.
  ///
  /// The corresponding C function is `tjDecompressHeader3`.
  static func shape(of bytes: [UInt8], path: String) throws -> ImageShape {
    try Decompressor(path: path).header(of: bytes).shape
  }

  /// - Parameters:
  ///   - path: for errors.
  ///   - divisor: by what the size is divided, for the file's own size: 1, 2, 4 or 8. (The library's
  ///     other factors have no vector code and take longer than the full size.)
  /// - Throws: `DatasetError.undecodable`, `DatasetError.oversized`.
  ///
  /// The corresponding C function is `tjDecompress2`.
  static func decode(
    _ bytes: [UInt8], path: String, into image: inout ImageBuffer, _ decoding: ImageDecoding,
    divisor: (ImageShape) -> Int
  ) throws {
    let decompressor = try Decompressor(path: path)
    let (file, isInk) = try decompressor.header(of: bytes)
    let scale = divisor(file)
    precondition([1, 2, 4, 8].contains(scale))
    let shape = ImageShape(
      height: (file.height + scale - 1) / scale, width: (file.width + scale - 1) / scale,
      channels: 3)
    try decoding.check(
      file, decoded: scale > 1 && JPEGScans.isSingle(in: bytes) ? shape : file, path: path)
    image.reshape(shape, divisor: scale)
    guard isInk else {
      return try decompressor.decode(
        bytes, shape: shape, format: TJPF_RGB, channels: 3, into: image.pixels)
    }
    let pixels = image.pixels
    try withUnsafeTemporaryAllocation(of: UInt8.self, capacity: shape.area * 4) { inks in
      try decompressor.decode(
        bytes, shape: shape, format: TJPF_CMYK, channels: 4, into: MutableVectorView(inks))
      convert(MutableVectorView(inks), to: pixels)
    }
  }

  /// From inverted CMYK (255: no ink) to RGB, in Pillow's rounding.
  private static func convert(
    _ inks: MutableVectorView<UInt8>, to pixels: MutableVectorView<UInt8>
  ) {
    for pixel in 0..<pixels.count / 3 {
      let light = Int(inks[pixel * 4 + 3])
      for channel in 0..<3 {
        let product = (255 - Int(inks[pixel * 4 + channel])) * light + 128
        pixels[pixel * 3 + channel] = UInt8(light - (product >> 8 + product) >> 8)
      }
    }
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

  /// The file's size, and whether it holds four inks.
  func header(of bytes: [UInt8]) throws -> (shape: ImageShape, isInk: Bool) {
    var (width, height, subsampling, colorspace) = (Int32(0), Int32(0), Int32(0), Int32(0))
    try check(
      tjDecompressHeader3(
        handle, bytes, UInt(bytes.count), &width, &height, &subsampling, &colorspace))
    let shape = ImageShape(height: Int(height), width: Int(width), channels: 3)
    let isInk = [TJCS_CMYK, TJCS_YCCK].contains { Int32($0.rawValue) == colorspace }
    return (try ImageDecoder.checked(shape, path: path), isInk)
  }

  func decode(
    _ bytes: [UInt8], shape: ImageShape, format: TJPF, channels: Int,
    into pixels: MutableVectorView<UInt8>
  ) throws {
    try check(
      tjDecompress2(
        handle, bytes, UInt(bytes.count), pixels.elements.baseAddress, Int32(shape.width),
        Int32(shape.width * channels), Int32(shape.height), format.rawValue,
        TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS))
  }
}
