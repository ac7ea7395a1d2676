/// JPEG and PNG decoding against Pillow, and files made to do harm.

import Datasets
import Tensors
import TestSupport
import Testing

@Suite struct ImageDecoderTests {
  @Test(
    "decoded pixels equal Pillow's",
    arguments: [
      "colour.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg", "ycck.jpg", "colour.png",
      "alpha.png",
      "palette.png", "grey.png", "palette-alpha.png", "grey-alpha.png", "deep.png",
    ])
  func pillow(name: String) throws {
    let (shape, pixels) = try decode(Fixture.bytes(name), path: name)
    #expect(shape == Fixture.shape)
    #expect(pixels == (try Fixture.pixels(of: name)))
  }

  @Test("JPEG decoded in reduced size equals Pillow's draft", arguments: [2, 4, 8])
  func reduced(by divisor: Int) throws {
    let (shape, pixels) = try decode(Fixture.bytes("odd.jpg"), path: "", divisor: divisor)
    #expect(
      shape
        == ImageShape(
          height: (45 + divisor - 1) / divisor, width: (77 + divisor - 1) / divisor,
          channels: 3))
    #expect(pixels == (try Fixture.bytes("odd-jpg-\(divisor).rgb")))
  }

  @Test("photographs are turned upright as by Pillow, if that is asked for", arguments: 1...8)
  func orientation(_ orientation: Int) throws {
    let name = "turned-\(orientation).jpg"
    let bytes = try Fixture.bytes(name)
    let flat = ImageShape(height: 5, width: 9, channels: 3)
    let shape = orientation < 5 ? flat : ImageShape(height: 9, width: 5, channels: 3)
    let upright = try decode(bytes, path: name, upright: true)
    #expect(upright.shape == shape)
    #expect(upright.pixels == (try Fixture.pixels(of: name)))
    #expect(try ImageDecoder.shape(of: bytes, path: name, upright: true) == shape)
    // Without it, as torchvision: the pixels of the upright file.
    let stored = try decode(bytes, path: name)
    #expect(stored.shape == flat)
    #expect(stored.pixels == (try Fixture.pixels(of: "turned-1.jpg")))
  }

  @Test("damaged EXIF data leave an image as it is stored, or turn it, never more")
  func damagedOrientation() throws {
    let bytes = try Fixture.bytes("turned-6.jpg")
    let exif = try #require(
      bytes.indices.dropLast(4).first { Array(bytes[$0..<$0 + 4]) == Array("Exif".utf8) })
    var turned = 0
    for offset in exif - 4..<exif + 34 {
      for value in stride(from: 0, to: 256, by: 5) {
        var copy = bytes
        copy[offset] = UInt8(value)
        guard let image = try? decode(copy, path: "", upright: true) else { continue }
        #expect(image.pixels.count == 5 * 9 * 3)
        turned += image.shape.height == 9 ? 1 : 0
      }
    }
    #expect(turned > 0)
  }

  /// The last 16 bytes of a PNG are a checksum and the end mark: the pixels are whole without them.
  @Test("a file cut short inside its pixels is refused", arguments: ["colour.jpg", "colour.png"])
  func truncated(name: String) throws {
    let bytes = try Fixture.bytes(name)
    for length in stride(from: 0, to: bytes.count - (name == "colour.png" ? 16 : 2), by: 7) {
      #expect(throws: DatasetError.self, "\(length) of \(bytes.count) bytes") {
        try decode(Array(bytes[..<length]), path: name)
      }
    }
  }

  @Test(
    "damaged files are decoded or refused, never more", arguments: ["progressive.jpg", "alpha.png"])
  func damaged(name: String) throws {
    let bytes = try Fixture.bytes(name)
    var random = TestData(seed: 3)
    for _ in 0..<2000 {
      var copy = bytes
      for _ in 0..<random.integer(in: 1...4) {
        copy[random.integer(in: 0...copy.count - 1)] = UInt8(random.integer(in: 0...255))
      }
      do {
        let (shape, pixels) = try decode(copy, path: name)
        #expect(pixels.count == shape.count)
      } catch is DatasetError {}
    }
  }

  @Test("a header that claims 65,500 × 65,500 pixels is refused before allocating")
  func huge() throws {
    var bytes = try Fixture.bytes("colour.jpg")
    // Start of frame: marker, length, precision, height, width.
    let frame = try #require(
      bytes.indices.dropLast().first { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xC0 })
    bytes.replaceSubrange(frame + 5..<frame + 9, with: [0xFF, 0xDC, 0xFF, 0xDC])
    let error = #expect(throws: DatasetError.self) {
      try decode(bytes, path: "huge.jpg")
    }
    #expect("\(error!)".contains("65,500×65,500"))
  }

  @Test("the format is known by the bytes, and anything else is refused")
  func otherFormats() throws {
    let png = try Fixture.bytes("colour.png")
    #expect(try ImageDecoder.shape(of: png, path: "named.jpg") == Fixture.shape)
    for (bytes, reason) in [
      ([], "empty"), (Array("GIF89a and so on".utf8), "neither a JPEG nor a PNG"),
    ] {
      let error = #expect(throws: DatasetError.self) {
        try decode(bytes, path: "x.jpg")
      }
      #expect("\(error!)".contains(reason))
    }
  }
}
