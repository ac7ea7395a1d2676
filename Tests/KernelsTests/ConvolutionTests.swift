/// Convolution against nested loops in Float64 and their central differences.

import Kernels
import Tensors
import TestSupport
import Testing

/// A convolution's sizes: K filters of `kernel`² over N images of H×W×C.
struct ConvolutionCase: CustomTestStringConvertible, Sendable {
  let images: Int
  let shape: ImageShape
  let outputs: Int
  let kernel: Int
  let stride: Int
  let padding: Int
  let groups: Int
  var arithmetic = ProductArithmetic.float32
  /// Which of the geometry's algorithms; after them comes the reference to read.
  var algorithmIndex = 0

  init(
    _ kernel: Int, stride: Int = 1, padding: Int, images: Int = 2, groups: Int = 1, _ height: Int,
    _ width: Int, _ inputs: Int, _ outputs: Int
  ) {
    self.images = images
    shape = ImageShape(height: height, width: width, channels: inputs)
    self.outputs = outputs
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
    self.groups = groups
  }

  var testDescription: String {
    "\(kernel)×\(kernel) stride \(stride) padding \(padding), \(images)×\(shape) to \(outputs) in "
      + "\(groups) groups, \(algorithm.name), \(arithmetic)"
  }

  var algorithm: any ConvolutionAlgorithm {
    let algorithms = geometry.algorithms(for: arithmetic)
    return algorithmIndex < algorithms.count
      ? algorithms[algorithmIndex] : ReferenceConvolution(geometry)
  }

  /// Of images and gradients.
  var element: ElementType { arithmetic.element }

  /// Of sums, which are Float.
  var sumTolerance: Double { algorithm.relativeErrorBound }

  /// Of images and gradients, which are rounded.
  var tolerance: Double {
    element == .float32 ? sumTolerance : sumTolerance + element.roundingError
  }

  var geometry: ConvolutionGeometry {
    ConvolutionGeometry(
      input: shape, kernelHeight: kernel, kernelWidth: kernel, outputChannels: outputs,
      stride: stride, padding: padding, groups: groups)!
  }

  var scratch: GuardedMemory<Float> {
    GuardedMemory(repeating: .nan, count: algorithm.scratchCount(images: images))
  }

  var weightScratch: GuardedMemory<Float> {
    GuardedMemory(repeating: .nan, count: algorithm.weightScratchCount(images: images))
  }

  func prepared(
    _ weights: [Double],
    by prepare: (any ConvolutionAlgorithm) -> (UnsafePointer<Float>, UnsafeMutablePointer<Float>) ->
      Void
  ) -> GuardedMemory<Float> {
    if algorithm.preparedWeightCount == 0 { return GuardedMemory(weights) }
    let prepared = GuardedMemory<Float>(repeating: .nan, count: algorithm.preparedWeightCount)
    prepare(algorithm)(UnsafePointer(GuardedMemory(weights).pointer), prepared.pointer)
    return prepared
  }

  /// Input, weights and output gradient of these sizes, the weights scaled for outputs near 1.
  func data(seed: UInt64) -> (data: TestData, x: [Double], w: [Double], dy: [Double]) {
    var data = TestData(seed: seed)
    let x = data.normals(count: images * shape.count, element)
    let w = data.normals(
      count: geometry.weightCount, deviation: 1 / Double(geometry.patchCount).squareRoot(), element)
    let dy = data.normals(count: images * geometry.output.count, element)
    return (data, x, w, dy)
  }

  func reference(_ x: [Double], _ w: [Double]) -> [Double] {
    referenceConvolution(
      ReferenceImages(images: images, shape, x), weights: w, filter: (kernel, kernel),
      outputChannels: outputs, stride: stride, padding: padding, groups: groups
    ).values
  }

  /// Every case with every algorithm that fits it, and with the reference to read.
  static let all = inFloat + inBFloat16

  static let inFloat = shapes.flatMap { test in
    (0...test.geometry.algorithms(for: .float32).count).map { test.with($0, .float32) }
  }

  /// Those of tiles that are not also those of pairs.
  static let inBFloat16 = shapes.flatMap { test in
    let pairs = test.geometry.algorithms(for: .bfloat16)
    let tiles = test.geometry.algorithms(for: .bfloat16Tiles)
    let names = Set(pairs.map(\.name))
    return pairs.indices.map { test.with($0, .bfloat16) }
      + tiles.indices.filter { !names.contains(tiles[$0].name) }
      .map { test.with($0, .bfloat16Tiles) }
  }

  private func with(
    _ algorithmIndex: Int, _ arithmetic: ProductArithmetic
  ) -> ConvolutionCase {
    var test = self
    test.algorithmIndex = algorithmIndex
    test.arithmetic = arithmetic
    return test
  }

  private static let shapes = [
    ConvolutionCase(3, padding: 1, images: 3, 8, 8, 16, 16),
    ConvolutionCase(3, padding: 1, images: 1, 33, 30, 16, 32),  // tiles beyond both edges
    ConvolutionCase(3, padding: 1, images: 1, 7, 5, 48, 80),  // odd numbers of vectors
    ConvolutionCase(3, padding: 1, images: 2, 1, 1, 32, 16),
    ConvolutionCase(3, padding: 1, images: 14, 4, 7, 16, 16),  // several blocks of tiles
    ConvolutionCase(3, padding: 1, images: 1, 7, 7, 512, 32),  // several blocks of steps
    ConvolutionCase(3, padding: 1, groups: 32, 6, 6, 128, 128),  // four groups share a vector
    ConvolutionCase(3, padding: 1, groups: 4, 5, 6, 64, 64),
    ConvolutionCase(3, padding: 1, groups: 2, 5, 6, 64, 96),
    ConvolutionCase(3, padding: 1, groups: 5, 5, 9, 80, 80),  // four blocks and one
    ConvolutionCase(3, stride: 2, padding: 1, groups: 8, 7, 6, 64, 64),
    ConvolutionCase(3, stride: 2, padding: 1, groups: 5, 9, 30, 80, 80),
    ConvolutionCase(3, stride: 2, padding: 1, images: 3, groups: 2, 8, 7, 96, 64),
    ConvolutionCase(3, stride: 2, padding: 1, groups: 4, 6, 5, 16, 16),  // one block of groups
    ConvolutionCase(1, padding: 0, groups: 2, 5, 6, 32, 64),
    ConvolutionCase(3, padding: 1, groups: 3, 5, 6, 30, 33),  // groups that fill no vectors
    ConvolutionCase(1, padding: 0, images: 6, 7, 7, 272, 48),  // several blocks of rows and steps
    ConvolutionCase(1, padding: 0, 1, 2, 1040, 528),  // a gradient beyond the cache
    ConvolutionCase(1, stride: 2, padding: 0, images: 1, 3, 2, 1040, 528),
    ConvolutionCase(3, padding: 1, 8, 8, 3, 16),
    ConvolutionCase(3, padding: 1, images: 3, 9, 7, 17, 24),
    ConvolutionCase(3, padding: 1, 32, 32, 3, 5),  // several blocks of patches
    ConvolutionCase(3, padding: 1, images: 7, 8, 8, 5, 3),  // a last block that is not full
    ConvolutionCase(3, padding: 1, images: 1, 2, 300, 3, 3),  // a row longer than a block
    ConvolutionCase(3, padding: 1, 1, 1, 5, 17),
    ConvolutionCase(3, padding: 0, 6, 5, 5, 3),
    ConvolutionCase(3, stride: 2, padding: 1, 8, 8, 16, 32),
    ConvolutionCase(3, stride: 2, padding: 1, images: 3, 7, 9, 5, 17),
    ConvolutionCase(3, stride: 2, padding: 1, 5, 6, 64, 64),
    ConvolutionCase(1, padding: 0, 6, 5, 24, 64),
    ConvolutionCase(1, padding: 0, images: 5, 1, 1, 3, 1),
    ConvolutionCase(1, stride: 2, padding: 0, 8, 8, 16, 32),
    ConvolutionCase(1, stride: 2, padding: 0, 7, 5, 64, 5),
    ConvolutionCase(5, padding: 2, 9, 6, 3, 5),
    ConvolutionCase(5, padding: 2, 2, 3, 17, 16),  // filters larger than the image
    ConvolutionCase(7, stride: 2, padding: 3, 15, 14, 3, 64),
    ConvolutionCase(7, stride: 2, padding: 3, 16, 16, 5, 17),
  ]
}

@Suite struct ConvolutionTests {
  @Test("the output is the reference's", arguments: ConvolutionCase.all)
  func forward(_ test: ConvolutionCase) {
    let (data, x, w, dy) = test.data(seed: 1)
    let output = GuardedImages(repeating: .nan, count: dy.count, test.element)
    test.algorithm.forward(
      input: GuardedImages(x, test.element).tensor(images: test.images, test.shape),
      weights: test.prepared(w) { $0.prepareForward }.pointer,
      output: output.tensor(images: test.images, test.geometry.output),
      scratch: test.scratch.pointer)
    let error = normwiseError(output.values, test.reference(x, w))
    #expect(error < test.tolerance, "\(data)")
  }

  @Test(
    "the weights' gradient is the reference's central difference", arguments: ConvolutionCase.all)
  func backwardWeights(_ test: ConvolutionCase) {
    var (data, xs, w, dys) = test.data(seed: 2)
    let gradient = GuardedMemory<Float>(repeating: .nan, count: w.count)
    let scratch = test.weightScratch
    let x = GuardedImages(xs, test.element).tensor(images: test.images, test.shape)
    let dy = GuardedImages(dys, test.element).tensor(images: test.images, test.geometry.output)
    // In two calls, as blocks of images come.
    let first = test.images / 2
    for images in [0..<first, first..<test.images] where !images.isEmpty {
      test.algorithm.addWeightGradient(
        input: x.images(images), outputGradient: dy.images(images), into: gradient.pointer,
        isFirst: images.lowerBound == 0, isLast: images.upperBound == test.images,
        scratch: scratch.pointer)
    }
    let indices = data.someIndices(of: w.count)
    // The output is linear in the weights, so a long step has no error but rounding.
    let expected = centralDifferences(at: w, step: 1, indices: indices) {
      dot(test.reference(xs, $0), dys)
    }
    let values = gradient.values
    #expect(values.allSatisfy { $0.isFinite })
    #expect(normwiseError(indices.map { values[$0] }, expected) < test.sumTolerance, "\(data)")
  }

  @Test(
    "the input's gradient is the reference's central difference, written or added",
    arguments: ConvolutionCase.all, [false, true])
  func backwardData(_ test: ConvolutionCase, accumulate: Bool) {
    var (data, x, w, dy) = test.data(seed: 3)
    let before = accumulate ? data.normals(count: x.count, test.element) : x.map { _ in .nan }
    let gradient = GuardedImages(before, test.element)
    test.algorithm.backwardData(
      outputGradient: GuardedImages(dy, test.element).tensor(
        images: test.images, test.geometry.output),
      weights: test.prepared(w) { $0.prepareBackwardData }.pointer,
      inputGradient: gradient.tensor(images: test.images, test.shape), accumulate: accumulate,
      scratch: test.scratch.pointer)
    let indices = data.someIndices(of: x.count)
    var expected = centralDifferences(at: x, step: 1, indices: indices) {
      dot(test.reference($0, w), dy)
    }
    if accumulate { expected = zip(expected, indices).map { $0 + before[$1] } }
    let values = gradient.values
    #expect(values.allSatisfy { $0.isFinite })
    #expect(normwiseError(indices.map { values[$0] }, expected) < test.tolerance, "\(data)")
  }

  @Test(
    "all elements of both gradients are those of plain loops", arguments: ConvolutionCase.inFloat)
  func plainLoops(_ test: ConvolutionCase) {
    let (data, xs, w, dys) = test.data(seed: 5)
    let x = GuardedMemory(xs).tensor(images: test.images, test.shape)
    let dy = GuardedMemory(dys).tensor(images: test.images, test.geometry.output)
    func gradients(_ algorithm: any ConvolutionAlgorithm) -> (data: [Float], weights: [Float]) {
      let prepared = GuardedMemory<Float>(w)
      let packed = GuardedMemory<Float>(repeating: .nan, count: algorithm.preparedWeightCount)
      algorithm.prepareBackwardData(UnsafePointer(prepared.pointer), into: packed.pointer)
      let dx = GuardedMemory<Float>(repeating: .nan, count: xs.count)
      algorithm.backwardData(
        outputGradient: dy,
        weights: algorithm.preparedWeightCount == 0 ? prepared.pointer : packed.pointer,
        inputGradient: dx.tensor(images: test.images, test.shape), accumulate: false,
        scratch: GuardedMemory<Float>(
          repeating: .nan, count: algorithm.scratchCount(images: test.images)
        ).pointer)
      let dw = GuardedMemory<Float>(repeating: .nan, count: w.count)
      algorithm.addWeightGradient(
        input: x, outputGradient: dy, into: dw.pointer, isFirst: true, isLast: true,
        scratch: GuardedMemory<Float>(
          repeating: .nan, count: algorithm.weightScratchCount(images: test.images)
        ).pointer)
      return (dx.values, dw.values)
    }
    let result = gradients(test.algorithm)
    let plain = ReferenceConvolution(test.geometry)
    let expected = gradients(plain)
    let bound = test.sumTolerance + plain.relativeErrorBound
    #expect(normwiseError(result.data, expected.data) < bound, "\(data)")
    #expect(normwiseError(result.weights, expected.weights) < bound, "\(data)")
  }

  @Test(
    "many images, whose tiles come in several blocks, come out as one by one",
    arguments: ProductArithmetic.allCases, [(512, 48), (48, 512)])
  func together(_ arithmetic: ProductArithmetic, _ channels: (inputs: Int, outputs: Int)) {
    let element = arithmetic.element
    let all = ConvolutionCase(3, padding: 1, images: 25, 7, 7, channels.inputs, channels.outputs)
    let (_, x, w, dy) = all.data(seed: 6)
    for algorithm in all.geometry.algorithms(for: arithmetic) where algorithm.streamsWeights {
      let weights = GuardedMemory<Float>(w)
      let prepared = GuardedMemory<Float>(repeating: .nan, count: algorithm.preparedWeightCount)
      func pass(
        _ values: [Double], from shape: ImageShape, to result: ImageShape, images: Int,
        _ body: (ImageTensor, UnsafePointer<Float>, ImageTensor, UnsafeMutablePointer<Float>) ->
          Void
      ) -> [Float] {
        let output = GuardedImages(repeating: .nan, count: images * result.count, element)
        let scratch = GuardedMemory<Float>(
          repeating: .nan, count: algorithm.scratchCount(images: images))
        body(
          GuardedImages(values, element).tensor(images: images, shape),
          algorithm.preparedWeightCount == 0
            ? UnsafePointer(weights.pointer) : UnsafePointer(prepared.pointer),
          output.tensor(images: images, result), scratch.pointer)
        return output.values
      }
      func check(
        _ values: [Double], from shape: ImageShape, to result: ImageShape,
        _ body: (ImageTensor, UnsafePointer<Float>, ImageTensor, UnsafeMutablePointer<Float>) ->
          Void
      ) {
        let together = pass(values, from: shape, to: result, images: all.images, body)
        let single = (0..<all.images).flatMap { image in
          pass(
            Array(values[image * shape.count..<(image + 1) * shape.count]), from: shape,
            to: result, images: 1, body)
        }
        #expect(together == single, "\(algorithm.name)")
      }
      algorithm.prepareForward(weights.pointer, into: prepared.pointer)
      check(x, from: all.shape, to: all.geometry.output) {
        algorithm.forward(input: $0, weights: $1, output: $2, scratch: $3)
      }
      algorithm.prepareBackwardData(weights.pointer, into: prepared.pointer)
      check(dy, from: all.geometry.output, to: all.shape) {
        algorithm.backwardData(
          outputGradient: $0, weights: $1, inputGradient: $2, accumulate: false, scratch: $3)
      }
    }
  }

  @Test(
    "without images nothing but a zero weight gradient is written",
    arguments: [
      ConvolutionCase(3, padding: 1, images: 0, 8, 8, 16, 16),
      ConvolutionCase(3, padding: 1, images: 0, 8, 8, 3, 5),
      ConvolutionCase(1, padding: 0, images: 0, 8, 8, 3, 16),
      ConvolutionCase(1, stride: 2, padding: 0, images: 0, 8, 8, 3, 16),
    ])
  func noImages(_ test: ConvolutionCase) {
    let (_, _, w, _) = test.data(seed: 4)
    let scratch = test.weightScratch
    let input = GuardedMemory<Float>([Float]())
    let output = GuardedMemory<Float>([Float]())
    let gradient = GuardedMemory<Float>(repeating: .nan, count: w.count)
    let x = input.tensor(images: 0, test.shape)
    let y = output.tensor(images: 0, test.geometry.output)
    test.algorithm.forward(
      input: x, weights: test.prepared(w) { $0.prepareForward }.pointer, output: y,
      scratch: test.scratch.pointer)
    test.algorithm.addWeightGradient(
      input: x, outputGradient: y, into: gradient.pointer, isFirst: true, isLast: true,
      scratch: scratch.pointer)
    for accumulate in [false, true] {
      test.algorithm.backwardData(
        outputGradient: y, weights: test.prepared(w) { $0.prepareBackwardData }.pointer,
        inputGradient: x, accumulate: accumulate, scratch: test.scratch.pointer)
    }
    #expect(input.values.isEmpty && output.values.isEmpty)
    #expect(gradient.values.allSatisfy { $0 == 0 })
  }

  @Test("a window that does not fit its padded input has no geometry")
  func geometry() {
    let shape = ImageShape(height: 4, width: 2, channels: 3)
    func geometry(kernel: Int, padding: Int, stride: Int = 1, outputs: Int = 1)
      -> ConvolutionGeometry?
    {
      ConvolutionGeometry(
        input: shape, kernelHeight: kernel, kernelWidth: kernel, outputChannels: outputs,
        stride: stride, padding: padding)
    }
    #expect(geometry(kernel: 3, padding: 0) == nil)
    #expect(geometry(kernel: 3, padding: 1)?.output.area == 8)
    #expect(geometry(kernel: 3, padding: 1, stride: 2)?.output.area == 2)
    #expect(geometry(kernel: 3, padding: 1, stride: 0) == nil)
    #expect(geometry(kernel: 3, padding: 1, outputs: 0) == nil)
    #expect(geometry(kernel: 0, padding: 1) == nil)
  }
}
