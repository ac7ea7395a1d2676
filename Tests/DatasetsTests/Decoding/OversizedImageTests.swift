/// Images of many pixels: what is decoded, and what is refused before it takes memory.

import Datasets
import Tensors
import TestSupport
import Testing

@Suite struct OversizedImageTests {
  private func decode(
    _ bytes: [UInt8], maximum: Int, divisor: Int = 1
  ) throws -> (shape: ImageShape, colors: Set<UInt8>) {
    var image = ImageBuffer()
    try ImageDecoder.decode(
      bytes, path: "huge", into: &image, ImageDecoding(maximumPixels: maximum)
    ) { _ in divisor }
    return (image.shape, Set(image.pixels.elements))
  }

  private func refusal(_ side: Int, _ maximum: Int) -> DatasetError {
    .oversized(
      path: "huge", shape: ImageShape(height: side, width: side, channels: 3), maximum: maximum)
  }

  @Test("images are decoded up to the limit, and one pixel above it refused with its name")
  func limit() throws {
    for bytes in [HugeImages.jpeg(side: 300), HugeImages.png(side: 300)] {
      let (shape, colors) = try decode(bytes, maximum: 90_000)
      #expect(shape.height == 300 && shape.width == 300 && colors.count == 1)
      #expect(throws: refusal(300, 89_999)) { try decode(bytes, maximum: 89_999) }
    }
    #expect("\(refusal(12_000, 5))".contains("--max-image-pixels"))
    #expect("\(refusal(12_000, 5))".contains("12,000×12,000"))
  }

  @Test("a JPEG file of one scan counts in its reduced size, a progressive one in its own")
  func reduced() throws {
    let (shape, colors) = try decode(
      HugeImages.jpeg(side: 20_000), maximum: 1 << 24, divisor: 8)
    #expect(shape.height == 2500 && colors == [128])
    let small = try decode(HugeImages.jpeg(side: 400, progressive: true), maximum: 160_000)
    #expect(small.colors == [128])
    #expect(throws: refusal(20_000, 1 << 24)) {
      try decode(HugeImages.jpeg(side: 20_000, progressive: true), maximum: 1 << 24, divisor: 8)
    }
    // Other formats do not ask for a divisor.
    #expect(throws: refusal(5000, 1 << 24)) {
      try decode(HugeImages.png(side: 5000), maximum: 1 << 24, divisor: 8)
    }
  }
}
