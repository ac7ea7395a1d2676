/// Pictures as JPEG files, through libjpeg-turbo.

import CTurboJPEG
import Tensors

public enum JPEGEncoder {
  /// Pixels that a file's side has at most.
  public static let longestSide = 65_500

  /// The bytes of a baseline JPEG file of an image, with colours in full resolution, which thin lines need.
  ///
  /// The corresponding C function is `tjCompress2`.
  /// - Parameter quality: from 1 to 100.
  /// - Precondition: the image has pixels, and no side longer than `longestSide`.
  public static func encode(_ image: borrowing ImageBuffer, quality: Int = 90) -> [UInt8] {
    let (height, width) = (image.shape.height, image.shape.width)
    precondition((1...longestSide).contains(height) && (1...longestSide).contains(width))
    precondition((1...100).contains(quality), "a JPEG's quality is from 1 to 100")
    guard let handle = tjInitCompress() else { stop(nil) }
    defer { tjDestroy(handle) }
    let subsampling = Int32(TJSAMP_444.rawValue)
    let room = Int(tjBufSize(Int32(width), Int32(height), subsampling))
    let pixels = image.pixels.elements
    return [UInt8](unsafeUninitializedCapacity: room) { bytes, written in
      var target = bytes.baseAddress
      var count = UInt(room)
      let result = tjCompress2(
        handle, pixels.baseAddress, Int32(width), Int32(width * 3), Int32(height),
        TJPF_RGB.rawValue, &target, &count, subsampling, Int32(quality),
        TJFLAG_ACCURATEDCT | TJFLAG_NOREALLOC)
      if result != 0 { stop(handle) }
      written = Int(count)
    }
  }

  /// Pixels that are there can always be written, unless there is no memory for the library's own.
  private static func stop(_ handle: tjhandle?) -> Never {
    fatalError("cannot write a JPEG: \(String(cString: tjGetErrorStr2(handle)))")
  }
}
