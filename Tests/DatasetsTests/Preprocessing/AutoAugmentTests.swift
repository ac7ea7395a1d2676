/// Automatic augmentation: each operation against torchvision, bit for bit, and the choice of them.

import Randomness
import Tensors
import Testing

import Datasets

@Suite struct AutoAugmentTests {
  /// As `OPERATIONS` in Oracles/datasets/make_fixtures.py.
  private static let operations: [ImageOperation] = [
    .shearX(0.33), .shearX(-0.957), .shearY(0.627), .shearY(-0.165), .translateX(3.2),
    .translateX(-17.07), .translateY(6.4), .translateY(-1), .rotate(4.5), .rotate(-121.5),
    .rotate(90), .rotate(-90), .rotate(0), .brightness(0.33), .brightness(-0.99), .color(0.66),
    .color(-0.5), .contrast(0.9), .contrast(-0.33), .sharpness(0.99), .sharpness(-0.8),
    .posterize(2), .posterize(7), .solarize(127.5), .solarize(255), .autoContrast, .equalize,
    .identity,
  ]

  @Test("each operation is torchvision's of PIL images, bit for bit")
  func torchvision() throws {
    let expected = try Fixture.bytes("operations.rgb")
    var place = 0
    for shape in [(20, 31), (22, 22)].map({ ImageShape(height: $0, width: $1, channels: 3) }) {
      for operation in Self.operations {
        var image = ImageBuffer()
        var scratch = ImageBuffer()
        var pattern = Pattern(shape: shape)
        let byte = pattern.byte
        pattern.byte = { byte($0, $1, $2) / 2 + 40 }
        pattern.read(0, into: &image) { _ in 1 }
        image.apply(operation, scratch: &scratch)
        #expect(image.shape == shape)
        #expect(
          Array(image.pixels.elements) == Array(expected[place..<place + shape.count]),
          "\(operation) of \(shape)")
        place += shape.count
      }
    }
    #expect(place == expected.count)
  }

  @Test("magnitudes have torchvision's ranges")
  func magnitudes() {
    let shape = ImageShape(height: 32, width: 64, channels: 3)
    func last(_ policy: AutoAugmentation, _ isNegative: Bool = false) -> [ImageOperation] {
      AutoAugmentation.Kind.allCases.map {
        policy.operation($0, bin: 30, isNegative: isNegative, shape: shape)
      }
    }
    // Their numbers are Floats.
    func single(_ value: Double) -> Double { Double(Float(value)) }
    let trivial: [ImageOperation] = [
      .identity, .shearX(single(0.99)), .shearY(single(0.99)), .translateX(32), .translateY(32),
      .rotate(135),
      .brightness(single(0.99)), .color(single(0.99)), .contrast(single(0.99)),
      .sharpness(single(0.99)), .posterize(2),
      .solarize(0), .autoContrast, .equalize,
    ]
    #expect(last(.trivialWide) == trivial)
    let widths = [-150.0 / 331 * 64, -150.0 / 331 * 32].map(single)
    let random: [ImageOperation] = [
      .identity, .shearX(single(-0.3)), .shearY(single(-0.3)), .translateX(widths[0]),
      .translateY(widths[1]), .rotate(-30), .brightness(single(-0.9)), .color(single(-0.9)),
      .contrast(single(-0.9)), .sharpness(single(-0.9)), .posterize(4), .solarize(0), .autoContrast,
      .equalize,
    ]
    #expect(last(.random(magnitude: 30), true) == random)
    // torchvision: 8 − round(bin / 5), ties to even.
    let bits = [0, 2, 3, 7, 8, 30].map {
      AutoAugmentation.trivialWide.operation(.posterize, bin: $0, isNegative: true, shape: shape)
    }
    #expect(bits == [8, 8, 7, 7, 6, 2].map(ImageOperation.posterize))
    #expect(
      AutoAugmentation.trivialWide.operation(.solarize, bin: 0, isNegative: true, shape: shape)
        == .solarize(255))
  }

  @Test("all operations, both signs and all strengths are drawn alike; RandAugment draws two")
  func draws() {
    let shape = ImageShape(height: 32, width: 32, channels: 3)
    var stream = CounterStream(seed: 7, purpose: .augmentation, epoch: 0, index: 0)
    var (rotations, kinds, positive) = (Set<Double>(), [Int: Int](), 0)
    let count = 14 * 2000
    for _ in 0..<count {
      let drawn = AutoAugmentation.trivialWide.draw(from: &stream, shape: shape)
      #expect(drawn.count == 1)
      switch drawn[0] {
      case .rotate(let degrees):
        rotations.insert(degrees)
        if degrees > 0 { positive += 1 }
        kinds[0, default: 0] += 1
      case .identity: kinds[1, default: 0] += 1
      case .equalize: kinds[2, default: 0] += 1
      case .posterize: kinds[3, default: 0] += 1
      default: kinds[4, default: 0] += 1
      }
    }
    // Of 2000 expected each; five deviations of √(2000 · 13/14) are 215.
    for kind in 0..<4 { #expect(abs(kinds[kind]! - 2000) < 215) }
    #expect(rotations.count == 61 && abs(positive - 968) < 160)
    let two = (0..<400).flatMap { _ in
      AutoAugmentation.random(magnitude: 9).draw(from: &stream, shape: shape)
    }
    #expect(two.count == 800 && two.contains(.rotate(-9)) && two.contains(.posterize(7)))
    #expect(!two.contains(.rotate(4.5)))
  }
}
