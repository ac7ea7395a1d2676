/// The sigmoid and the scaling of channels against Float64.

import Glibc
import Kernels
import Tensors
import TestSupport
import Testing

@Suite struct SigmoidTests {
  private func row(_ values: [Double]) -> (GuardedMemory<Float>, ImageTensor) {
    let memory = GuardedMemory<Float>(values)
    let shape = ImageShape(height: 1, width: 1, channels: values.count)
    return (memory, memory.tensor(images: 1, shape))
  }

  @Test(
    "the sigmoid is the formula's, rounded once, apart or in place", arguments: [0, 1, 17, 100])
  func forward(count: Int) {
    var data = TestData(seed: 1)
    let x = data.normalFloats(count: count, deviation: 10)
    let expected = x.map { Float(1 / (1 + exp(-$0))) }
    let (memory, input) = row(x)
    let (result, output) = row(x.map { _ in .nan })
    Sigmoid.forward(input, output: output)
    #expect(result.values == expected, "\(data)")
    Sigmoid.forward(input, output: input)
    #expect(memory.values == expected, "\(data)")
  }

  @Test("far arguments saturate, and NaN stays")
  func extremes() {
    let (memory, values) = row([-1e30, 1e30, -.infinity, .infinity, .nan, 0])
    Sigmoid.forward(values, output: values)
    #expect(memory.values[0...3] == [0, 1, 0, 1])
    #expect(memory.values[4].isNaN && memory.values[5] == 0.5)
  }

  @Test(
    "the sigmoid's gradient is the central difference, written or added", arguments: [1, 17, 100],
    [false, true])
  func backward(count: Int, accumulate: Bool) {
    var data = TestData(seed: 2)
    let x = data.normalFloats(count: count, deviation: 2)
    let dy = data.normalFloats(count: count)
    let before = accumulate ? data.normalFloats(count: count) : x.map { _ in .nan }
    let (memory, gradient) = row(before)
    Sigmoid.backward(
      outputGradient: row(dy).1, output: row(x.map { 1 / (1 + exp(-$0)) }).1,
      inputGradient: gradient, accumulate: accumulate)
    var expected = centralDifferences(at: x) { dot($0.map { 1 / (1 + exp(-$0)) }, dy) }
    if accumulate { expected = zip(expected, before).map(+) }
    #expect(normwiseError(memory.values, expected) < 1e-6, "\(data)")
  }
}

@Suite struct ChannelScaleTests {
  private static let shapes = [
    ImageShape(height: 1, width: 1, channels: 1), ImageShape(height: 3, width: 2, channels: 17),
    ImageShape(height: 7, width: 7, channels: 64), ImageShape(height: 2, width: 3, channels: 40),
  ]
  private let images = 3

  private func memory(_ values: [Double], _ shape: ImageShape) -> (
    GuardedMemory<Float>, ImageTensor
  ) {
    let memory = GuardedMemory<Float>(values)
    return (memory, memory.tensor(images: values.count / shape.count, shape))
  }

  private func scaled(_ x: [Double], _ scale: [Double], _ shape: ImageShape) -> [Double] {
    x.indices.map {
      x[$0] * scale[$0 / shape.count * shape.channels + $0 % shape.channels]
    }
  }

  private func vector(_ shape: ImageShape) -> ImageShape {
    ImageShape(height: 1, width: 1, channels: shape.channels)
  }

  @Test("each channel of each image is multiplied by its scale", arguments: shapes)
  func forward(shape: ImageShape) {
    var data = TestData(seed: 1)
    let x = data.normalFloats(count: images * shape.count)
    let s = data.normalFloats(count: images * shape.channels)
    let expected = scaled(x, s, shape).map { Float($0) }
    let (values, input) = memory(x, shape)
    let (result, output) = memory(x.map { _ in .nan }, shape)
    let scale = memory(s, vector(shape))
    ChannelScale.forward(input, scale: scale.1, output: output)
    #expect(result.values == expected, "\(data)")
    ChannelScale.forward(input, scale: scale.1, output: input)
    #expect(values.values == expected, "\(data)")
  }

  @Test(
    "the map's and the scale's gradients are central differences, written or added",
    arguments: shapes, [false, true])
  func backward(shape: ImageShape, accumulate: Bool) {
    var data = TestData(seed: 2)
    let x = data.normalFloats(count: images * shape.count)
    let s = data.normalFloats(count: images * shape.channels)
    let dy = data.normalFloats(count: x.count)
    let mapBefore = accumulate ? data.normalFloats(count: x.count) : x.map { _ in .nan }
    let scaleBefore = accumulate ? data.normalFloats(count: s.count) : s.map { _ in .nan }
    let (map, mapGradient) = memory(mapBefore, shape)
    let (factors, scaleGradient) = memory(scaleBefore, vector(shape))
    let (input, scale, gradient) = (memory(x, shape), memory(s, vector(shape)), memory(dy, shape))
    ChannelScale.backwardInput(
      outputGradient: gradient.1, scale: scale.1, inputGradient: mapGradient,
      accumulate: accumulate)
    ChannelScale.backwardScale(
      outputGradient: gradient.1, input: input.1, scaleGradient: scaleGradient,
      accumulate: accumulate)

    func check(_ result: [Float], _ differences: [Double], _ before: [Double], _ indices: [Int]) {
      let expected = zip(indices, differences).map { $1 + (accumulate ? before[$0] : 0) }
      #expect(normwiseError(indices.map { result[$0] }, expected) < 1e-5, "\(data)")
    }
    let pixels = Array(stride(from: 0, to: x.count, by: max(1, x.count / 50)))
    check(
      map.values,
      centralDifferences(at: x, indices: pixels) { dot(scaled($0, s, shape), dy) }, mapBefore,
      pixels)
    let channels = Array(stride(from: 0, to: s.count, by: max(1, s.count / 50)))
    check(
      factors.values,
      centralDifferences(at: s, indices: channels) { dot(scaled(x, $0, shape), dy) }, scaleBefore,
      channels)
  }

  @Test("an image's gradients are the same bits alone and among others", arguments: shapes)
  func imagesAreIndependent(shape: ImageShape) {
    var data = TestData(seed: 3)
    let x = data.normalFloats(count: images * shape.count)
    let dy = data.normalFloats(count: x.count)
    func scaleGradient(_ range: Range<Int>) -> [Float] {
      let elements = range.lowerBound * shape.count..<range.upperBound * shape.count
      let (result, gradient) = memory(
        Array(repeating: .nan, count: range.count * shape.channels), vector(shape))
      let (input, output) = (memory(Array(x[elements]), shape), memory(Array(dy[elements]), shape))
      ChannelScale.backwardScale(
        outputGradient: output.1, input: input.1, scaleGradient: gradient, accumulate: false)
      return result.values
    }
    #expect(scaleGradient(0..<images) == (0..<images).flatMap { scaleGradient($0..<$0 + 1) })
  }
}
