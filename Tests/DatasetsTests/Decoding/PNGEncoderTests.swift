/// PNG files that are written, read back by the decoder that is tested against Pillow.

import Datasets
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct PNGEncoderTests {
  @Test("an image is read back as it was", arguments: [(1, 1), (24, 40), (7, 3), (96, 1)])
  func roundTrip(height: Int, width: Int) throws {
    var random = TestData(seed: 5)
    var image = ImageBuffer()
    image.reshape(ImageShape(height: height, width: width, channels: 3))
    for index in 0..<image.shape.count {
      image.pixels[index] = UInt8(random.integer(in: 0...255))
    }
    let (shape, pixels) = try decode(PNGEncoder.encode(image), path: "")
    #expect(shape == image.shape)
    #expect(pixels == Array(image.pixels.elements))
  }

  @Test("a thumbnail is the image itself, or smaller in proportion")
  func thumbnail() throws {
    let folder = try TemporaryDirectory()
    for name in ["colour.png", "odd.jpg"] {
      try write(Fixture.bytes(name), to: folder.file("a/\(name)"))
    }
    let source = try ImageFileList([folder.file("a")], classNames: ["a"])
    let (shape, pixels) = try decode(source.thumbnail(of: 0, longerSide: 96), path: "")
    #expect(shape == Fixture.shape)
    #expect(pixels == (try Fixture.pixels(of: "colour.png")))
    // 45 × 77 pixels.
    for (side, height) in [(77, 45), (76, 44), (40, 23), (5, 3), (1, 1)] {
      let shape = try decode(source.thumbnail(of: 1, longerSide: side), path: "").shape
      #expect(shape == ImageShape(height: height, width: side, channels: 3))
    }
  }

  @Test("a reduced thumbnail keeps the image's mean colour")
  func colour() throws {
    let folder = try TemporaryDirectory()
    try write(Fixture.bytes("colour.png"), to: folder.file("a/colour.png"))
    let source = try ImageFileList([folder.file("a")], classNames: ["a"])
    func mean(_ pixels: [UInt8], _ channel: Int) -> Double {
      let values = stride(from: channel, to: pixels.count, by: 3).map { Double(pixels[$0]) }
      return values.reduce(0, +) / Double(values.count)
    }
    let small = try decode(source.thumbnail(of: 0, longerSide: 20), path: "").pixels
    let whole = try Fixture.pixels(of: "colour.png")
    #expect(small.count == 12 * 20 * 3)
    for channel in 0..<3 { #expect(abs(mean(small, channel) - mean(whole, channel)) < 3) }
  }
}
