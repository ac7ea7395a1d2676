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

  /// The JPEG is decoded to a fourth of its size first.
  @Test(
    "a smaller thumbnail shows the whole image", arguments: [("colour.png", 20), ("odd.jpg", 19)])
  func whole(name: String, side: Int) throws {
    let folder = try TemporaryDirectory()
    try write(Fixture.bytes(name), to: folder.file("a/\(name)"))
    let source = try ImageFileList([folder.file("a")], classNames: ["a"])
    /// The mean of a channel over one of the four quarters.
    func mean(_ image: (shape: ImageShape, pixels: [UInt8]), _ quarter: Int, _ channel: Int)
      -> Double
    {
      let (height, width) = (image.shape.height, image.shape.width)
      var (total, count) = (0.0, 0.0)
      for row in quarter / 2 * height / 2..<(quarter / 2 + 1) * height / 2 {
        for column in quarter % 2 * width / 2..<(quarter % 2 + 1) * width / 2 {
          total += Double(image.pixels[(row * width + column) * 3 + channel])
          count += 1
        }
      }
      return total / count
    }
    let small = try decode(source.thumbnail(of: 0, longerSide: side), path: "")
    let large = try decode(Fixture.bytes(name), path: "")
    #expect(max(small.shape.height, small.shape.width) == side)
    for quarter in 0..<4 {
      for channel in 0..<3 {
        let (found, expected) = (mean(small, quarter, channel), mean(large, quarter, channel))
        #expect(abs(found - expected) < 12, "\(quarter), \(channel): \(found), \(expected)")
      }
    }
  }
}
