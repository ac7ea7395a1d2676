/// Images held out of training.

import Datasets
import Tensors
import Testing

@Suite struct SelectedImagesTests {
  /// Images that tell their number apart: its bytes are the first pixel.
  private struct Tagged: ImageSource {
    let count: Int
    var name: String { "tagged" }
    var classNames: [String] { ["a", "b", "c"] }
    var imageShape: ImageShape? { ImageShape(height: 1, width: 1, channels: 3) }
    var fingerprint: String { "tagged" }
    func label(at index: Int) -> Int { index % 3 }
    func read(
      _ index: Int, into image: inout ImageBuffer, divisor: (ImageShape) -> Int
    ) throws {
      image.reshape(imageShape!)
      for byte in 0..<3 { image.pixels[byte] = UInt8(index >> (8 * byte) & 255) }
    }
  }

  @Test("held-out and kept images together are all images, each once, in their order")
  func partition() throws {
    let parts = SelectedImages.holdingOut(120, of: Tagged(count: 500))
    #expect(parts.validation.count == 120 && parts.train.count == 380)
    var image = ImageBuffer()
    var seen: [Int] = []
    for part in [parts.train, parts.validation] {
      var own: [Int] = []
      for index in 0..<part.count {
        try part.read(index, into: &image)
        own.append(Int(image.pixels[0]) | Int(image.pixels[1]) << 8)
        #expect(part.label(at: index) == own[index] % 3)
      }
      #expect(own == own.sorted())
      seen += own
    }
    #expect(seen.sorted() == Array(0..<500))
  }

  @Test("every class is held out in proportion, and another number gives another fingerprint")
  func classes() {
    let source = NumberedImages(count: 7000)
    let parts = SelectedImages.holdingOut(700, of: source)
    var counts = Array(repeating: 0, count: 7)
    for index in 0..<700 { counts[parts.validation.label(at: index)] += 1 }
    #expect(counts.allSatisfy { (60...140).contains($0) }, "\(counts)")
    #expect(
      Set([
        parts.train.fingerprint, parts.validation.fingerprint,
        SelectedImages.holdingOut(701, of: source).train.fingerprint, source.fingerprint,
      ]).count == 4)
    #expect(SelectedImages.holdingOut(700, of: source).train.fingerprint == parts.train.fingerprint)
  }

  @Test("files that hold images one after the other stay runs")
  func runs() {
    struct Files: ImageSource {
      let base = NumberedImages(count: 30)
      var name: String { base.name }
      var count: Int { 30 }
      var classNames: [String] { base.classNames }
      var imageShape: ImageShape? { base.imageShape }
      var fingerprint: String { base.fingerprint }
      var storageRuns: [Range<Int>] { [0..<10, 10..<12, 12..<30] }
      func label(at index: Int) -> Int { base.label(at: index) }
      func read(
        _ index: Int, into image: inout ImageBuffer, divisor: (ImageShape) -> Int
      ) throws { try base.read(index, into: &image, divisor: divisor) }
    }
    let parts = SelectedImages.holdingOut(12, of: Files())
    for part in [parts.train, parts.validation] {
      #expect(part.storageRuns.flatMap(\.self) == Array(0..<part.count))
      #expect(part.storageRuns.count <= 3 && part.storageRuns.count >= 2)
    }
  }
}
