/// What follows from the images' sizes and the settings.

import Datasets
import Settings
import Tensors
import Testing

@Suite struct ConfiguredImagesTests {
  private func square(_ side: Int) -> ImageShape {
    ImageShape(height: side, width: side, channels: 3)
  }

  private func configuration(
    _ change: (inout TrainingConfiguration) -> Void = { _ in }
  ) -> TrainingConfiguration {
    var configuration = TrainingConfiguration()
    change(&configuration)
    return configuration
  }

  private func training(
    _ configuration: TrainingConfiguration, _ shape: ImageShape?
  ) throws -> ImageTransform {
    try configuration.trainingTransform(shape)
  }

  private func test(
    _ configuration: TrainingConfiguration, _ shape: ImageShape?
  ) throws -> ImageTransform {
    try configuration.data.testTransform(shape)
  }

  @Test("small images of one size are padded, cropped and tested as they are", arguments: [32, 96])
  func small(side: Int) throws {
    #expect(
      try training(configuration(), square(side)) == ImageTransform(crop: .padded(4), flip: .random)
    )
    #expect(try test(configuration(), square(side)) == .none)
    let plain = configuration { ($0.augmentation.cropPadding, $0.augmentation.flip) = (0, false) }
    #expect(try training(plain, square(side)) == ImageTransform(crop: .whole))
  }

  @Test("other images get ImageNet's crops", arguments: [97, nil])
  func large(side: Int?) throws {
    let shape = side.map(square)
    #expect(
      try training(configuration(), shape)
        == ImageTransform(
          crop: .randomResized(size: 224, area: 0.08...1, ratio: 3.0 / 4...4.0 / 3), flip: .random))
    #expect(try test(configuration(), shape) == .test(resize: 256, size: 224))
  }

  @Test("lengths follow the size in proportion, where they are not given")
  func proportion() throws {
    let scale = configuration { ($0.data.imageSize, $0.augmentation.crop) = (112, .scale) }
    #expect(
      try training(scale, nil)
        == ImageTransform(
          crop: .resized(shorterSide: 128...240, size: 112, at: .random), flip: .random))
    #expect(try test(scale, nil) == .test(resize: 128, size: 112))
    let sizes = configuration {
      ($0.data.imageSize, $0.data.testResize, $0.data.testSize) = (176, 232, 224)
    }
    #expect(try test(sizes, nil) == .test(resize: 232, size: 224))
    #expect(try test(sizes, square(32)) == .test(resize: 232, size: 224))
    let center = configuration { ($0.data.imageSize, $0.augmentation.crop) = (112, .center) }
    var expected = ImageTransform.test(resize: 128, size: 112)
    expected.flip = .random
    #expect(try training(center, nil) == expected)
  }

  @Test("choices that do not fit are refused")
  func refused() {
    func refuses(_ refused: TrainingConfiguration, _ error: ImageSizeError) {
      #expect(throws: error) {
        _ = try training(refused, nil)
        _ = try test(refused, nil)
      }
    }
    refuses(configuration { $0.augmentation.crop = .pad }, .nothingToPad)
    refuses(
      configuration { ($0.augmentation.crop, $0.augmentation.scales) = (.scale, 200...300) },
      .smallScales(scales: 200...300, size: 224))
    refuses(configuration { $0.data.testResize = 200 }, .smallResize(resize: 200, size: 224))
  }

  @Test("what follows from the settings is what the transforms do")
  func derived() throws {
    let photographs = configuration().withDerivedImages(nil)
    #expect(photographs.data.imageSize == 224 && photographs.augmentation.crop == .randomResized)
    #expect(photographs.data.testResize == 256 && photographs.data.testSize == 224)
    #expect(photographs.augmentation.scales == nil)
    #expect(try training(photographs, nil) == training(configuration(), nil))
    #expect(try test(photographs, nil) == test(configuration(), nil))
    let scaled = configuration { ($0.data.imageSize, $0.augmentation.crop) = (112, .scale) }
    #expect(scaled.withDerivedImages(nil).augmentation.scales == 128...240)
    let small = configuration().withDerivedImages(square(32))
    #expect(small.augmentation.crop == .pad && small.data == configuration().data)
  }
}
