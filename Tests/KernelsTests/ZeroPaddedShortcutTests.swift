/// Shortcut A against Float64.

import Kernels
import Tensors
import TestSupport
import Testing

struct ShortcutCase: CustomTestStringConvertible, Sendable {
  let input: ImageShape
  let outputs: Int
  let stride: Int
  var images = 2

  var output: ImageShape {
    ImageShape(
      height: (input.height + stride - 1) / stride, width: (input.width + stride - 1) / stride,
      channels: outputs)
  }

  var testDescription: String { "\(images)×\(input) to \(outputs), stride \(stride)" }

  func reference(_ x: [Double]) -> [Double] {
    referenceShortcutA(
      ReferenceImages(images: images, input, x), stride: stride, outputChannels: outputs
    ).values
  }

  static let all = [
    ShortcutCase(input: ImageShape(height: 8, width: 8, channels: 16), outputs: 32, stride: 2),
    ShortcutCase(input: ImageShape(height: 7, width: 5, channels: 17), outputs: 24, stride: 2),
    ShortcutCase(input: ImageShape(height: 5, width: 6, channels: 3), outputs: 3, stride: 2),
    ShortcutCase(input: ImageShape(height: 4, width: 3, channels: 5), outputs: 64, stride: 1),
    ShortcutCase(input: ImageShape(height: 4, width: 4, channels: 24), outputs: 24, stride: 1),
    ShortcutCase(input: ImageShape(height: 1, width: 1, channels: 3), outputs: 5, stride: 2),
    ShortcutCase(
      input: ImageShape(height: 4, width: 4, channels: 16), outputs: 32, stride: 2, images: 0),
  ]
}

@Suite struct ZeroPaddedShortcutTests {
  @Test("the output is the reference's exactly", arguments: ShortcutCase.all)
  func forward(_ test: ShortcutCase) {
    var data = TestData(seed: 1)
    let x = data.normalFloats(count: test.images * test.input.count)
    let output = GuardedMemory<Float>(repeating: .nan, count: test.images * test.output.count)
    ZeroPaddedShortcut.forward(
      GuardedMemory(x).tensor(images: test.images, test.input), stride: test.stride,
      output: output.tensor(images: test.images, test.output))
    #expect(output.values.map(Double.init) == test.reference(x), "\(data)")
  }

  @Test(
    "the input's gradient is the reference's central difference, written or added",
    arguments: ShortcutCase.all, [false, true])
  func backward(_ test: ShortcutCase, accumulate: Bool) {
    var data = TestData(seed: 2)
    let x = data.normalFloats(count: test.images * test.input.count)
    let dy = data.normalFloats(count: test.images * test.output.count)
    let before = accumulate ? data.normalFloats(count: x.count) : x.map { _ in .nan }
    let gradient = GuardedMemory<Float>(before)
    ZeroPaddedShortcut.backward(
      outputGradient: GuardedMemory(dy).tensor(images: test.images, test.output),
      stride: test.stride, inputGradient: gradient.tensor(images: test.images, test.input),
      accumulate: accumulate)
    var expected = centralDifferences(at: x, step: 1) { dot(test.reference($0), dy) }
    if accumulate { expected = zip(expected, before).map(+) }
    #expect(normwiseError(gradient.values, expected) < 1e-6, "\(data)")
  }
}
