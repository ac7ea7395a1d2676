/// RoIAlign, RoI pooling and non-maximum suppression against torchvision's:
/// `Oracles/detection/make_region_fixtures.py`.

import Foundation
import Kernels
import Safetensors
import Tensors
import TestSupport
import Testing

@Suite struct RegionTests {
  private static let map = ImageShape(height: 9, width: 12, channels: 20)
  private static let scale: Float = 1 / 16

  private static func fixture() throws -> SafetensorsFile {
    try SafetensorsFile(contentsOf: Bundle.module.resourcePath! + "/Fixtures/regions.safetensors")
  }

  /// Calls `body` with the fixture's features, in `element`, and regions.
  private static func withInput(
    _ file: SafetensorsFile, _ element: ElementType,
    _ body: (_ features: ImageTensor, _ regions: RegionRows) throws -> Void
  ) throws {
    let features = GuardedMemory(try file.float32("features")).tensor(images: 1, map)
    let stored = GuardedMemory<UInt8>(repeating: 0, count: map.count * element.stride)
    let converted = ImageTensor(
      memory: UnsafeMutableRawPointer(stored.pointer), images: 1, shape: map, element: element)
    Elementwise.copy(features, to: converted)
    let regions = GuardedMemory(try file.float32("regions"))
    try body(converted, RegionRows(base: regions.pointer, width: 4, count: 14))
  }

  /// The result's weights in the sum whose gradient the fixture has.
  private static func weights(_ count: Int) -> [Float] {
    (0..<count).map { Float(cos(Double($0))) }
  }

  @Test(
    "RoIAlign and its gradient are torchvision's", arguments: [0, 2], [false, true])
  func align(samples: Int, isAligned: Bool) throws {
    let file = try Self.fixture()
    let name = "align.\(samples).\(isAligned ? 1 : 0)"
    let alignment = RegionAlignment(
      height: 5, width: 5, scale: Self.scale, samples: samples, isAligned: isAligned)
    let shape = ImageShape(height: 5, width: 5, channels: 20)
    try Self.withInput(file, .float32) { features, regions in
      let output = GuardedMemory<Float>(repeating: .nan, count: 14 * shape.count)
      alignment.forward(
        features: features, regions: regions, output: output.tensor(images: 14, shape))
      let result = try file.float32(name)
      #expect(normwiseError(output.values, result) < 2e-6)
      let gradient = GuardedMemory<Float>(repeating: 0, count: Self.map.count)
      alignment.backward(
        outputGradient: GuardedMemory(Self.weights(output.values.count))
          .tensor(images: 14, shape), regions: regions, map: Self.map,
        featureGradient: gradient.pointer)
      #expect(normwiseError(gradient.values, try file.float32("gradient.\(name)")) < 5e-6)
    }
  }

  @Test("RoI pooling and its gradient are torchvision's")
  func pool() throws {
    let file = try Self.fixture()
    let pooling = RegionMaxPooling(height: 4, width: 3, scale: Self.scale)
    let shape = ImageShape(height: 4, width: 3, channels: 20)
    try Self.withInput(file, .float32) { features, regions in
      let output = GuardedMemory<Float>(repeating: .nan, count: 14 * shape.count)
      let argmax = GuardedMemory<Int32>(repeating: 7, count: 14 * shape.count)
      pooling.forward(
        features: features, regions: regions, output: output.tensor(images: 14, shape),
        argmax: argmax.pointer)
      let expected = try file.float32("pool")
      #expect(output.values == expected)
      let gradient = GuardedMemory<Float>(repeating: 0, count: Self.map.count)
      pooling.backward(
        outputGradient: GuardedMemory(Self.weights(output.values.count))
          .tensor(images: 14, shape), argmax: argmax.pointer,
        featureGradient: gradient.pointer)
      let expectedGradient = try file.float32("gradient.pool")
      #expect(normwiseError(gradient.values, expectedGradient) < 5e-6)
    }
  }

  @Test("bfloat16 regions are those of the rounded features, rounded once")
  func bfloat16() throws {
    let file = try Self.fixture()
    let alignment = RegionAlignment(height: 5, width: 5, scale: Self.scale)
    let shape = ImageShape(height: 5, width: 5, channels: 20)
    let count = 14 * shape.count
    try Self.withInput(file, .bfloat16) { features, regions in
      let rounded = GuardedMemory<Float>(repeating: .nan, count: Self.map.count)
        .tensor(images: 1, Self.map)
      Elementwise.copy(features, to: rounded)
      let expected = GuardedMemory<Float>(repeating: .nan, count: count)
      alignment.forward(
        features: rounded, regions: regions, output: expected.tensor(images: 14, shape))
      let output = GuardedMemory<BFloat16>(repeating: BFloat16(0), count: count)
      alignment.forward(
        features: features, regions: regions,
        output: ImageTensor(base: output.pointer, images: 14, shape: shape))
      #expect(
        output.values.map(\.bitPattern) == expected.values.map { BFloat16($0).bitPattern })
    }
  }

  @Test("the highest scores come first, of equal ones the first, and NaN last")
  func topScores() throws {
    let file = try Self.fixture()
    let scores = try file.float32("scores")
    let order = try file.int64("order").map { Int($0) }
    for limit in [0, 1, 17, 300, 1000] {
      #expect(
        TopScores.indices(scores, count: scores.count, limit: limit) == Array(order.prefix(limit)))
    }
    #expect(
      TopScores.indices([0, .nan, -.infinity, -0.0, .infinity, -1], count: 6, limit: 6)
        == [4, 0, 3, 5, 2, 1])
  }

  @Test("suppression keeps torchvision's boxes, up to a limit", arguments: [3, 5, 7])
  func suppression(tenth: Int) throws {
    let file = try Self.fixture()
    let values = try file.float32("boxes")
    let boxes = try file.int64("order").map { index in
      let first = 4 * Int(index)
      return SIMD4(values[first], values[first + 1], values[first + 2], values[first + 3])
    }
    let kept = try file.int64("kept.\(tenth)").map { Int($0) }
    for limit in [1, 20, 300] {
      #expect(
        NonMaximumSuppression.kept(boxes, overlap: Float(tenth) / 10, limit: limit)
          == Array(kept.prefix(limit)))
    }
    #expect(NonMaximumSuppression.kept([], overlap: 0.5, limit: 3).isEmpty)
    let empty = SIMD4<Float>(1, 1, 1, 1)
    #expect(NonMaximumSuppression.kept([empty, empty], overlap: 0.5, limit: 3) == [0, 1])
  }

  @Test("a channel's bias is added in Float, and its gradient is the sum", arguments: [5, 16, 37])
  func bias(channels: Int) throws {
    var data = TestData(seed: 3)
    let shape = ImageShape(height: 3, width: 4, channels: channels)
    let (x, b) = (data.normalFloats(count: 2 * shape.count), data.normalFloats(count: channels))
    let output = GuardedMemory<Float>(repeating: .nan, count: x.count)
    ChannelBias.forward(
      GuardedMemory(x).tensor(images: 2, shape), bias: GuardedMemory(b).pointer,
      output: output.tensor(images: 2, shape))
    #expect(output.values == x.indices.map { Float(x[$0]) + Float(b[$0 % channels]) }, "\(data)")
    let gradient = GuardedMemory<Float>(repeating: .nan, count: channels)
    ChannelBias.backwardBias(
      outputGradient: GuardedMemory(x).tensor(images: 2, shape), biasGradient: gradient.pointer)
    var expected = Array(repeating: 0.0, count: channels)
    for (index, value) in x.enumerated() { expected[index % channels] += Double(value) }
    #expect(relativeError(gradient.values, expected, scale: 1) < 1e-6, "\(data)")
  }
}
