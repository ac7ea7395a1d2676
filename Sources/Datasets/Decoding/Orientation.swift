/// How a photograph was held, as its EXIF data say (JEITA CP-3451, tag 274).

import Tensors

/// The value of the orientation tag, 1 to 8; 1 is upright.
struct Orientation {
  let value: Int

  /// The orientation of a JPEG file; upright where it says none, or nonsense.
  init(of bytes: [UInt8]) {
    var value = 1
    // Segments: FF, marker, length of what follows with the length's own two bytes.
    var offset = 2
    while offset + 4 <= bytes.count, bytes[offset] == 0xFF, bytes[offset + 1] != 0xDA {
      let length = Int(bytes[offset + 2]) << 8 | Int(bytes[offset + 3])
      let end = offset + 2 + length
      guard length >= 2, end <= bytes.count else { break }
      if bytes[offset + 1] == 0xE1, let found = Self.tag(in: bytes[offset + 4..<end]) {
        value = found
        break
      }
      offset = end
    }
    self.value = value
  }

  /// Reads the first directory of a TIFF header after `Exif`.
  private static func tag(in segment: ArraySlice<UInt8>) -> Int? {
    guard segment.starts(with: Array("Exif\0\0".utf8)) else { return nil }
    let tiff = segment.dropFirst(6)
    let isBigEndian = tiff.starts(with: [0x4D, 0x4D])
    guard isBigEndian || tiff.starts(with: [0x49, 0x49]) else { return nil }
    func number(_ offset: Int, bytes count: Int) -> Int? {
      guard offset >= 0, offset + count <= tiff.count else { return nil }
      let bytes = tiff[tiff.startIndex + offset..<tiff.startIndex + offset + count]
      return (isBigEndian ? Array(bytes) : bytes.reversed()).reduce(0) { $0 << 8 | Int($1) }
    }
    guard number(2, bytes: 2) == 42, let directory = number(4, bytes: 4),
      let entries = number(directory, bytes: 2)
    else { return nil }
    for entry in 0..<entries {
      let start = directory + 2 + 12 * entry
      guard let tag = number(start, bytes: 2), let value = number(start + 8, bytes: 2) else {
        return nil
      }
      if tag == 0x0112 { return (1...8).contains(value) ? value : nil }
    }
    return nil
  }

  /// Whether rows become columns.
  private var swapsSides: Bool { value >= 5 }

  /// The size of an upright image whose file has size `shape`.
  func upright(_ shape: ImageShape) -> ImageShape {
    swapsSides
      ? ImageShape(height: shape.width, width: shape.height, channels: shape.channels) : shape
  }

  /// Turns and mirrors an image as Pillow's `ImageOps.exif_transpose`.
  func apply(to image: inout ImageBuffer) {
    if value == 1 { return }
    let file = image.shape
    let divisor = image.divisor
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: file.count) { source in
      _ = source.initialize(from: image.pixels.elements)
      let shape = upright(file)
      image.reshape(shape, divisor: divisor)
      let pixels = image.pixels
      let (flipsRows, flipsColumns) = ([3, 4, 6, 7].contains(value), [2, 3, 7, 8].contains(value))
      for row in 0..<shape.height {
        for column in 0..<shape.width {
          let (first, second) = swapsSides ? (column, row) : (row, column)
          let sourceRow = flipsRows ? file.height - 1 - first : first
          let sourceColumn = flipsColumns ? file.width - 1 - second : second
          for channel in 0..<file.channels {
            pixels[(row * shape.width + column) * file.channels + channel] =
              source[(sourceRow * file.width + sourceColumn) * file.channels + channel]
          }
        }
      }
    }
  }
}
