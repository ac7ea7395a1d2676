/// What follows from the images' sizes and the flags.

import Datasets
import Settings
import Tensors
import Testing

@Suite struct ImageOptionsTests {
  private func square(_ side: Int) -> ImageShape {
    ImageShape(height: side, width: side, channels: 3)
  }

  private func options(_ change: (inout ImageOptions) -> Void = { _ in }) -> ImageOptions {
    var options = ImageOptions()
    change(&options)
    return options
  }

  private func training(_ options: ImageOptions, _ shape: ImageShape?) throws -> ImageTransform {
    try options.trainingTransform(shape, padding: 4, flip: true)
  }

  @Test("small images of one size are padded, cropped and tested as they are", arguments: [32, 96])
  func small(side: Int) throws {
    #expect(
      try training(options(), square(side)) == ImageTransform(crop: .padded(4), flip: .random))
    #expect(try options().testTransform(square(side)) == .none)
    #expect(
      try options().trainingTransform(square(side), padding: 0, flip: false)
        == ImageTransform(crop: .whole))
  }

  @Test("other images get ImageNet's crops", arguments: [97, nil])
  func large(side: Int?) throws {
    let shape = side.map(square)
    #expect(
      try training(options(), shape)
        == ImageTransform(
          crop: .randomResized(size: 224, area: 0.08...1, ratio: 3.0 / 4...4.0 / 3), flip: .random))
    #expect(try options().testTransform(shape) == .test(resize: 256, size: 224))
  }

  @Test("lengths follow the size in proportion, where they are not given")
  func proportion() throws {
    let scale = options { ($0.size, $0.trainingCrop) = (112, .scale) }
    #expect(
      try training(scale, nil)
        == ImageTransform(
          crop: .resized(shorterSide: 128...240, size: 112, at: .random), flip: .random))
    #expect(try scale.testTransform(nil) == .test(resize: 128, size: 112))
    let test = options { ($0.size, $0.testResize, $0.testSize) = (176, 232, 224) }
    #expect(try test.testTransform(nil) == .test(resize: 232, size: 224))
    #expect(try test.testTransform(square(32)) == .test(resize: 232, size: 224))
    let center = options { ($0.size, $0.trainingCrop) = (112, .center) }
    var expected = ImageTransform.test(resize: 128, size: 112)
    expected.flip = .random
    #expect(try training(center, nil) == expected)
  }

  @Test("choices that do not fit are refused")
  func refused() {
    func refuses(_ options: ImageOptions, _ error: ImageOptionsError) {
      #expect(throws: error) {
        _ = try training(options, nil)
        _ = try options.testTransform(nil)
      }
    }
    refuses(options { $0.trainingCrop = .pad }, .nothingToPad)
    refuses(
      options { ($0.trainingCrop, $0.scales) = (.scale, 200...300) },
      .smallScales(scales: 200...300, size: 224))
    refuses(options { $0.testResize = 200 }, .smallResize(resize: 200, size: 224))
  }
}
