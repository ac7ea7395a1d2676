/// JPEG files that are written, read back by the decoder that is tested against Pillow.

import Datasets
import Tensors
import TestSupport
import Testing

@Suite struct JPEGEncoderTests {
  @Test(
    "an image is read back nearly as it was, in its size",
    arguments: [(1, 1), (24, 40), (7, 3), (96, 1), (61, 130)])
  func roundTrip(height: Int, width: Int) throws {
    var image = ImageBuffer()
    image.reshape(ImageShape(height: height, width: width, channels: 3))
    for index in 0..<image.shape.count {
      let (row, column) = (index / 3 / width, index / 3 % width)
      image.pixels[index] = UInt8(row + column + index % 3 * 30)
    }
    let file = JPEGEncoder.encode(image)
    #expect(file.prefix(3) == [0xFF, 0xD8, 0xFF] && file.suffix(2) == [0xFF, 0xD9])
    let (shape, pixels) = try decode(file, path: "")
    #expect(shape == image.shape)
    let differences = zip(pixels, image.pixels.elements).map { abs(Int($0) - Int($1)) }
    #expect(differences.max()! <= 12)
    #expect(differences.reduce(0, +) <= 2 * differences.count)
  }

  @Test("a lower quality takes fewer bytes")
  func quality() throws {
    var image = ImageBuffer()
    try ImageDecoder.decode(Fixture.bytes("colour.png"), path: "", into: &image, .init()) { _ in 1 }
    let sizes = [20, 60, 90, 100].map { JPEGEncoder.encode(image, quality: $0).count }
    #expect(sizes == sizes.sorted() && Set(sizes).count == 4)
  }
}
