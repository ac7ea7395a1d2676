/// The fully connected layer against Float64.

import Kernels
import Tensors
import TestSupport
import Testing

struct FullyConnectedCase: CustomTestStringConvertible, Sendable {
  let images: Int
  let inputs: Int
  let outputs: Int

  var testDescription: String { "\(images)×\(inputs) to \(outputs)" }

  var product: FullyConnected { FullyConnected(inputs: inputs, outputs: outputs) }

  func scratch() -> UnsafeMutablePointer<Float> {
    GuardedMemory<Float>(repeating: .nan, count: product.scratchCount(images: images)).pointer
  }

  func row(_ channels: Int) -> ImageShape { ImageShape(height: 1, width: 1, channels: channels) }

  static let all = [
    (1, 1, 1), (4, 64, 10), (3, 17, 5), (16, 24, 100), (7, 3, 17), (2, 64, 1000), (40, 33, 32),
    (3, 300, 20),
  ].map { FullyConnectedCase(images: $0.0, inputs: $0.1, outputs: $0.2) }
}

@Suite struct FullyConnectedTests {
  private struct Numbers {
    var data: TestData
    let x: [Double]
    let w: [Double]
    let b: [Double]
    let dy: [Double]

    init(_ test: FullyConnectedCase, seed: UInt64) {
      data = TestData(seed: seed)
      x = data.normalFloats(count: test.images * test.inputs)
      w = data.normalFloats(count: test.inputs * test.outputs, deviation: 0.125)
      b = data.normalFloats(count: test.outputs)
      dy = data.normalFloats(count: test.images * test.outputs)
    }
  }

  @Test("the output is the reference's", arguments: FullyConnectedCase.all)
  func forward(_ test: FullyConnectedCase) {
    let numbers = Numbers(test, seed: 1)
    let output = GuardedMemory<Float>(repeating: .nan, count: test.images * test.outputs)
    test.product.forward(
      GuardedMemory(numbers.x).tensor(images: test.images, test.row(test.inputs)),
      weights: GuardedMemory(numbers.w).pointer, bias: GuardedMemory(numbers.b).pointer,
      output: output.tensor(images: test.images, test.row(test.outputs)), scratch: test.scratch())
    let expected = referenceFullyConnected(
      numbers.x, images: test.images, weights: numbers.w, bias: numbers.b)
    #expect(normwiseError(output.values, expected) < 1e-6, "\(numbers.data)")
  }

  /// The gradients of weights and bias.
  private func parameterGradients(
    _ test: FullyConnectedCase, _ numbers: Numbers
  ) -> (weights: [Float], bias: [Float]) {
    let weights = GuardedMemory<Float>(repeating: .nan, count: numbers.w.count)
    let bias = GuardedMemory<Float>(repeating: .nan, count: test.outputs)
    let scratch = GuardedMemory<Float>(
      repeating: .nan, count: test.product.weightScratchCount(images: test.images))
    test.product.backwardWeights(
      input: GuardedMemory(numbers.x).tensor(images: test.images, test.row(test.inputs)),
      outputGradient: GuardedMemory(numbers.dy).tensor(
        images: test.images, test.row(test.outputs)),
      weightGradient: weights.pointer, biasGradient: bias.pointer,
      scratch: scratch.pointer)
    _ = scratch.values
    return (weights.values, bias.values)
  }

  @Test("the weights' gradient is the central difference", arguments: FullyConnectedCase.all)
  func weightGradient(_ test: FullyConnectedCase) {
    var numbers = Numbers(test, seed: 2)
    let values = parameterGradients(test, numbers).weights
    let indices = numbers.data.someIndices(of: values.count)
    let expected = centralDifferences(at: numbers.w, step: 1, indices: indices) {
      dot(
        referenceFullyConnected(numbers.x, images: test.images, weights: $0, bias: numbers.b),
        numbers.dy)
    }
    #expect(values.allSatisfy { $0.isFinite })
    #expect(
      normwiseError(indices.map { values[$0] }, expected) < 1e-6, "\(numbers.data)")
  }

  @Test("the bias's gradient is the central difference", arguments: FullyConnectedCase.all)
  func biasGradient(_ test: FullyConnectedCase) {
    let numbers = Numbers(test, seed: 3)
    let indices = Array(0..<min(test.outputs, 64))
    let expected = centralDifferences(at: numbers.b, step: 1, indices: indices) {
      dot(
        referenceFullyConnected(numbers.x, images: test.images, weights: numbers.w, bias: $0),
        numbers.dy)
    }
    let values = parameterGradients(test, numbers).bias
    #expect(values.allSatisfy { $0.isFinite })
    #expect(normwiseError(indices.map { values[$0] }, expected) < 1e-6, "\(numbers.data)")
  }

  @Test(
    "the input's gradient is the central difference, written or added",
    arguments: FullyConnectedCase.all, [false, true])
  func inputGradient(_ test: FullyConnectedCase, accumulate: Bool) {
    var numbers = Numbers(test, seed: 4)
    let before =
      accumulate
      ? numbers.data.normalFloats(count: numbers.x.count) : numbers.x.map { _ in .nan }
    let gradient = GuardedMemory<Float>(before)
    test.product.backwardData(
      outputGradient: GuardedMemory(numbers.dy).tensor(
        images: test.images, test.row(test.outputs)),
      weights: GuardedMemory(numbers.w).pointer,
      inputGradient: gradient.tensor(images: test.images, test.row(test.inputs)),
      accumulate: accumulate, scratch: test.scratch())
    let indices = numbers.data.someIndices(of: numbers.x.count)
    var expected = centralDifferences(at: numbers.x, step: 1, indices: indices) {
      dot(
        referenceFullyConnected($0, images: test.images, weights: numbers.w, bias: numbers.b),
        numbers.dy)
    }
    if accumulate { expected = zip(expected, indices).map { $0 + before[$1] } }
    let values = gradient.values
    #expect(values.allSatisfy { $0.isFinite })
    #expect(
      normwiseError(indices.map { values[$0] }, expected) < 2e-6, "\(numbers.data)")
  }

  @Test("without images the parameters' gradients are zero and nothing else is written")
  func noImages() {
    let test = FullyConnectedCase(images: 0, inputs: 17, outputs: 5)
    let numbers = Numbers(test, seed: 5)
    let gradients = parameterGradients(test, numbers)
    #expect(gradients.weights.allSatisfy { $0 == 0 } && gradients.bias.allSatisfy { $0 == 0 })
    let empty = GuardedMemory<Float>([Float]())
    let x = empty.tensor(images: 0, test.row(17))
    let y = empty.tensor(images: 0, test.row(5))
    let weights = GuardedMemory<Float>(numbers.w).pointer
    test.product.forward(
      x, weights: weights, bias: GuardedMemory(numbers.b).pointer, output: y,
      scratch: test.scratch())
    for accumulate in [false, true] {
      test.product.backwardData(
        outputGradient: y, weights: weights, inputGradient: x, accumulate: accumulate,
        scratch: test.scratch())
    }
    #expect(empty.values.isEmpty)
  }
}
