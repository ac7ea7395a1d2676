/// Max pooling and global average pooling against Float64.

import Kernels
import Tensors
import TestSupport
import Testing

struct PoolingCase: CustomTestStringConvertible, Sendable {
  let shape: ImageShape
  let kernel: Int
  let stride: Int
  let padding: Int
  var images = 2

  var testDescription: String {
    "\(kernel)×\(kernel) stride \(stride) padding \(padding), \(images)×\(shape)"
  }

  var geometry: ConvolutionGeometry {
    ConvolutionGeometry(
      input: shape, kernelHeight: kernel, kernelWidth: kernel, outputChannels: shape.channels,
      stride: stride, padding: padding)!
  }

  func reference(_ x: [Double]) -> [Double] {
    referenceMaxPooling(
      ReferenceImages(images: images, shape, x), kernel: kernel, stride: stride, padding: padding
    ).values
  }

  static let all =
    [(8, 8, 16), (7, 9, 5), (1, 1, 3), (6, 5, 17), (4, 4, 64)].flatMap {
      let shape = ImageShape(height: $0.0, width: $0.1, channels: $0.2)
      let three = PoolingCase(shape: shape, kernel: 3, stride: 2, padding: 1)
      return shape.height < 2
        ? [three] : [three, PoolingCase(shape: shape, kernel: 2, stride: 2, padding: 0)]
    } + [
      PoolingCase(
        shape: ImageShape(height: 4, width: 4, channels: 3), kernel: 3, stride: 2, padding: 1,
        images: 0)
    ]
}

@Suite struct MaxPoolingTests {
  @Test(
    "the output is the reference's exactly, all inputs negative too", arguments: PoolingCase.all)
  func forward(_ test: PoolingCase) {
    var data = TestData(seed: 1)
    for mean in [0.0, -100] {
      let x = data.normalFloats(count: test.images * test.shape.count, mean: mean)
      let count = test.images * test.geometry.output.count
      let output = GuardedMemory<Float>(repeating: .nan, count: count)
      MaxPooling.forward(
        test.geometry, input: GuardedMemory(x).tensor(images: test.images, test.shape),
        output: output.tensor(images: test.images, test.geometry.output), argmax: nil)
      #expect(output.values.map(Double.init) == test.reference(x), "\(data)")
    }
  }

  @Test(
    "the input's gradient is the reference's central difference, written or added",
    arguments: PoolingCase.all, [false, true])
  func backward(_ test: PoolingCase, accumulate: Bool) {
    var data = TestData(seed: 2)
    let x = data.normalFloats(count: test.images * test.shape.count)
    let count = test.images * test.geometry.output.count
    let dy = data.normalFloats(count: count)
    let before = accumulate ? data.normalFloats(count: x.count) : x.map { _ in .nan }
    let argmax = GuardedMemory<UInt8>(repeating: 255, count: count)
    let gradient = GuardedMemory<Float>(before)
    MaxPooling.forward(
      test.geometry, input: GuardedMemory(x).tensor(images: test.images, test.shape),
      output: GuardedMemory<Float>(repeating: 0, count: count).tensor(
        images: test.images, test.geometry.output), argmax: argmax.pointer)
    MaxPooling.backward(
      test.geometry,
      outputGradient: GuardedMemory(dy).tensor(images: test.images, test.geometry.output),
      argmax: argmax.pointer, inputGradient: gradient.tensor(images: test.images, test.shape),
      accumulate: accumulate)
    var expected = centralDifferences(at: x) { dot(test.reference($0), dy) }
    if accumulate { expected = zip(expected, before).map(+) }
    let positions = test.geometry.kernelHeight * test.geometry.kernelWidth
    #expect(argmax.values.allSatisfy { $0 < positions })
    #expect(normwiseError(gradient.values, expected) < 1e-6, "\(data)")
  }

  /// The winning pixels of an image of 3×3 in windows of 3×3 around its corners.
  private func argmax(of x: [Float]) -> [Int] {
    let shape = ImageShape(height: 3, width: 3, channels: 1)
    let geometry = ConvolutionGeometry(
      input: shape, kernelHeight: 3, kernelWidth: 3, outputChannels: 1, stride: 2, padding: 1)!
    let argmax = GuardedMemory<UInt8>(repeating: 255, count: 4)
    MaxPooling.forward(
      geometry, input: GuardedMemory(x).tensor(images: 1, shape),
      output: GuardedMemory<Float>(repeating: 0, count: 4).tensor(images: 1, geometry.output),
      argmax: argmax.pointer)
    return argmax.values.enumerated().map { window, position in
      let row = 2 * (window / 2) - 1 + Int(position) / 3
      let column = 2 * (window % 2) - 1 + Int(position) % 3
      return 3 * row + column
    }
  }

  @Test("of equal inputs the first in row order wins")
  func ties() {
    #expect(argmax(of: Array(repeating: 1, count: 9)) == [0, 1, 3, 4])
    #expect(argmax(of: Array(repeating: -.infinity, count: 9)) == [0, 1, 3, 4])
  }

  @Test("NaN wins over every number")
  func notANumber() {
    var x: [Float] = [9, 8, 7, 6, 5, 4, 3, 2, 1]
    x[4] = .nan
    #expect(argmax(of: x) == [4, 4, 4, 4])
  }
}

@Suite struct GlobalAveragePoolingTests {
  static let shapes = [(8, 8, 64), (7, 7, 17), (1, 1, 3), (3, 5, 24), (32, 32, 5)].map {
    ImageShape(height: $0.0, width: $0.1, channels: $0.2)
  }

  @Test("the output is the reference's", arguments: shapes)
  func forward(_ shape: ImageShape) {
    var data = TestData(seed: 1)
    let x = data.normalFloats(count: 2 * shape.count, mean: 1)
    let output = GuardedMemory<Float>(repeating: .nan, count: 2 * shape.channels)
    GlobalAveragePooling.forward(
      GuardedMemory(x).tensor(images: 2, shape),
      output: output.tensor(
        images: 2, ImageShape(height: 1, width: 1, channels: shape.channels)))
    let expected = referenceGlobalAveragePooling(ReferenceImages(images: 2, shape, x)).values
    #expect(normwiseError(output.values, expected) < 2e-6, "\(data)")
  }

  @Test(
    "the input's gradient is the reference's central difference, written or added",
    arguments: shapes, [false, true])
  func backward(_ shape: ImageShape, accumulate: Bool) {
    var data = TestData(seed: 2)
    let x = data.normalFloats(count: 2 * shape.count)
    let dy = data.normalFloats(count: 2 * shape.channels)
    let before = accumulate ? data.normalFloats(count: x.count) : x.map { _ in .nan }
    let gradient = GuardedMemory<Float>(before)
    GlobalAveragePooling.backward(
      outputGradient: GuardedMemory(dy).tensor(
        images: 2, ImageShape(height: 1, width: 1, channels: shape.channels)),
      inputGradient: gradient.tensor(images: 2, shape), accumulate: accumulate)
    let indices = data.someIndices(of: x.count)
    var expected = centralDifferences(at: x, step: 1, indices: indices) {
      dot(referenceGlobalAveragePooling(ReferenceImages(images: 2, shape, $0)).values, dy)
    }
    if accumulate { expected = zip(expected, indices).map { $0 + before[$1] } }
    let values = gradient.values
    #expect(values.allSatisfy { $0.isFinite })
    #expect(normwiseError(indices.map { values[$0] }, expected) < 1e-6, "\(data)")
  }

  @Test("without images nothing is written")
  func noImages() {
    let empty = GuardedMemory<Float>([Float]())
    let small = ImageShape(height: 1, width: 1, channels: 17)
    let shape = ImageShape(height: 4, width: 4, channels: 17)
    GlobalAveragePooling.forward(
      empty.tensor(images: 0, shape), output: empty.tensor(images: 0, small))
    for accumulate in [false, true] {
      GlobalAveragePooling.backward(
        outputGradient: empty.tensor(images: 0, small),
        inputGradient: empty.tensor(images: 0, shape), accumulate: accumulate)
    }
    #expect(empty.values.isEmpty)
  }
}

@Suite struct AveragePoolingTests {
  @Test(
    "the output is the reference's; a window as large as the image gives global pooling's bits",
    arguments: [(7, 9, 5), (7, 7, 64), (8, 10, 17)], [3, 7])
  func forward(size: (Int, Int, Int), window: Int) {
    var data = TestData(seed: 4)
    let shape = ImageShape(height: size.0, width: size.1, channels: size.2)
    let geometry = ConvolutionGeometry(
      input: shape, kernelHeight: window, kernelWidth: window, outputChannels: shape.channels,
      stride: 1, padding: 0)!
    let x = data.normalFloats(count: 2 * shape.count)
    let input = GuardedMemory(x).tensor(images: 2, shape)
    let output = GuardedMemory<Float>(repeating: .nan, count: 2 * geometry.output.count)
    AveragePooling.forward(
      geometry, input: input, output: output.tensor(images: 2, geometry.output))
    let expected = referenceAveragePooling(
      ReferenceImages(images: 2, shape, x), window: window)
    #expect(normwiseError(output.values, expected.values) < 1e-6, "\(data)")
    guard geometry.output.area == 1 else { return }
    let whole = GuardedMemory<Float>(repeating: .nan, count: 2 * shape.channels)
    GlobalAveragePooling.forward(
      input, output: whole.tensor(images: 2, geometry.output))
    #expect(output.values == whole.values)
  }
}
