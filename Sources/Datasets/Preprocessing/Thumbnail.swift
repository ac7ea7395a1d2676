/// Small copies of images, for pages.

import Tensors

extension ImageSource {
  /// An image as a PNG file; one with a side longer than `longerSide` is made smaller, to that length.
  ///
  /// - Throws: `DatasetError` when the file cannot be read or decoded.
  public func thumbnail(of index: Int, longerSide: Int) throws -> [UInt8] {
    var image = ImageBuffer()
    try read(index, into: &image) { shape in
      [8, 4, 2].first { max(shape.height, shape.width) >= longerSide * $0 } ?? 1
    }
    let (shape, longer) = (image.shape, max(image.shape.height, image.shape.width))
    if longer <= longerSide { return PNGEncoder.encode(image) }
    func reduced(_ side: Int) -> Int { max((side * longerSide + longer / 2) / longer, 1) }
    var intermediate = ImageBuffer()
    var small = ImageBuffer()
    image.resize(
      to: ImageShape(height: reduced(shape.height), width: reduced(shape.width), channels: 3),
      via: &intermediate, into: &small)
    return PNGEncoder.encode(small)
  }
}
