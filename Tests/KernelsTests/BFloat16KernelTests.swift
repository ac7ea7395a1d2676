/// Kernels of bfloat16 against those of Float: memory is rounded, arithmetic is the same.

import Kernels
import TestSupport
import Tensors
import Testing

@Suite struct BFloat16KernelTests {
  /// Two vectors and four channels more, in odd numbers of rows.
  private static let shape = ImageShape(height: 5, width: 7, channels: 36)
  private static let images = 2
  private static var count: Int { images * shape.count }

  private func tensor(_ images: GuardedImages) -> ImageTensor {
    images.tensor(images: Self.images, Self.shape)
  }

  /// What a value is in memory: rounded to nearest, subnormal numbers as zeros.
  private static func stored(_ value: Float) -> Float {
    Float(BFloat16(value.flushed))
  }

  /// Results of a kernel on the same numbers in both element types.
  private func results(
    _ operands: [[Double]], _ kernel: ([ImageTensor], ImageTensor) -> Void
  ) -> (float: [Float], bfloat16: [Float]) {
    let results = ElementType.all.map { element in
      let result = GuardedImages(operands[0], element)
      kernel(operands.map { tensor(GuardedImages($0, element)) }, tensor(result))
      return result.values
    }
    return (results[0], results[1])
  }

  private func operands(_ data: inout TestData, _ number: Int) -> [[Double]] {
    (0..<number).map { _ in data.normals(count: Self.count, .bfloat16) }
  }

  @Test("element by element, a result is the Float result rounded once")
  func elementwise() {
    var data = TestData(seed: 1)
    let channels = Self.shape.channels
    let rows = (0..<4).map { _ in GuardedMemory<Float>(data.normalFloats(count: channels)) }
    let operands = operands(&data, 2)
    let kernels: [(String, ([ImageTensor], ImageTensor) -> Void)] = [
      ("ReLU", { Elementwise.relu($0[0], output: $1) }),
      ("addition", { Elementwise.add($0[0], $0[1], output: $1) }),
      (
        "ReLU's gradient, added",
        {
          Elementwise.reluBackward(
            outputGradient: $0[1], output: $0[0], inputGradient: $1, accumulate: true)
        }
      ),
      (
        "normalization",
        {
          BatchNormalization.apply(
            $0[0], scale: rows[0].pointer, shift: rows[1].pointer, addend: $0[1],
            epilogue: [.add, .relu], output: $1)
        }
      ),
      (
        "normalization's gradient",
        {
          BatchNormalization.backwardData(
            maskedGradient: $0[0], input: $0[1], mean: rows[0].pointer, a: rows[1].pointer,
            b: rows[2].pointer, c: rows[3].pointer, inputGradient: $1, accumulate: false)
        }
      ),
      (
        "normalization's gradient, added",
        {
          BatchNormalization.backwardData(
            maskedGradient: $0[0], input: $0[1], mean: rows[0].pointer, a: rows[1].pointer,
            b: rows[2].pointer, c: rows[3].pointer, inputGradient: $1, accumulate: true)
        }
      ),
    ]
    for (name, kernel) in kernels {
      let (float, rounded) = results(operands, kernel)
      #expect(float.map(Self.stored) == rounded, "\(name), \(data)")
      #expect(float != rounded || name == "ReLU", "\(name) rounds nothing, \(data)")
    }
  }

  @Test("moments and gradient sums are those of the same numbers in Float")
  func sums() {
    var data = TestData(seed: 2)
    let channels = Self.shape.channels
    let mean = GuardedMemory<Float>(data.normalFloats(count: channels))
    let operands = operands(&data, 3)
    let sums = ElementType.all.map { element in
      let tensors = operands.map { tensor(GuardedImages($0, element)) }
      let scratch = GuardedMemory<Double>(
        repeating: .nan, count: BatchNormalization.scratchCount(channels: channels))
      let moments = GuardedMemory<Double>(repeating: .nan, count: 2 * channels)
      BatchNormalization.addMoments(
        tensors[0], to: moments.pointer, rowsBefore: 0, scratch: scratch.pointer)
      let gradients = GuardedMemory<Double>(repeating: .nan, count: 2 * channels)
      BatchNormalization.addBackwardSums(
        outputGradient: tensors[1], switches: .output(tensors[2]), input: tensors[0],
        mean: mean.pointer, epilogue: .relu, to: gradients.pointer, isFirst: true,
        scratch: scratch.pointer)
      return moments.values + gradients.values
    }
    #expect(sums[0] == sums[1], "\(data)")
  }

  @Test("a pooling's maximum and its gradient are those of the same numbers in Float")
  func pooling() throws {
    var data = TestData(seed: 3)
    let geometry = try #require(
      ConvolutionGeometry(
        input: Self.shape, kernelHeight: 3, kernelWidth: 3,
        outputChannels: Self.shape.channels, stride: 2, padding: 1))
    let count = Self.images * geometry.output.count
    let x = data.normals(count: Self.count, .bfloat16)
    let dy = data.normals(count: count, .bfloat16)
    let results = ElementType.all.map { element in
      let argmax = GuardedMemory<UInt8>(repeating: 0, count: count)
      let y = GuardedImages(repeating: .nan, count: count, element)
      MaxPooling.forward(
        geometry, input: tensor(GuardedImages(x, element)),
        output: y.tensor(images: Self.images, geometry.output), argmax: argmax.pointer)
      let dx = GuardedImages(repeating: .nan, count: Self.count, element)
      MaxPooling.backward(
        geometry,
        outputGradient: GuardedImages(dy, element).tensor(
          images: Self.images, geometry.output), argmax: argmax.pointer,
        inputGradient: tensor(dx), accumulate: false)
      return (y.values, dx.values)
    }
    #expect(results[0].0 == results[1].0, "\(data)")
    #expect(results[0].1.map(Self.stored) == results[1].1, "\(data)")
  }

  @Test("Winograd's convolution is that of the same numbers in Float, rounded once")
  func winograd() throws {
    var data = TestData(seed: 4)
    let shape = ImageShape(height: 6, width: 5, channels: 32)
    let geometry = try #require(
      ConvolutionGeometry(
        input: shape, kernelHeight: 3, kernelWidth: 3, outputChannels: 32, stride: 1, padding: 1))
    let x = data.normals(count: 2 * shape.count, .bfloat16)
    let w = GuardedMemory<Float>(data.normalFloats(count: geometry.weightCount))
    for index in 0..<2 {
      let results = [ProductArithmetic.float32, .bfloat16].map { arithmetic in
        let element = arithmetic.element
        let algorithm = geometry.algorithms(for: arithmetic)[index]
        let y = GuardedImages(repeating: .nan, count: x.count, element)
        let prepared = GuardedMemory<Float>(repeating: 0, count: algorithm.preparedWeightCount)
        algorithm.prepareForward(w.pointer, into: prepared.pointer)
        algorithm.forward(
          input: GuardedImages(x, element).tensor(images: 2, shape),
          weights: algorithm.preparedWeightCount == 0 ? w.pointer : prepared.pointer,
          output: y.tensor(images: 2, shape),
          scratch: GuardedMemory<Float>(
            repeating: .nan, count: algorithm.scratchCount(images: 2)
          ).pointer)
        return (algorithm.name, y.values)
      }
      #expect(results[0].0 == results[1].0)
      #expect(results[0].1.map(Self.stored) == results[1].1, "\(results[0].0), \(data)")
    }
  }

  // MARK: Products

  /// Intel's definition of VDPBF16PS, a pair at a time: the odd elements' product first, each step rounded,
  /// subnormal numbers as zeros (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2C).
  private static func product(_ a: [Float], _ b: [Float]) -> Float {
    var sum: Float = 0
    for step in stride(from: 0, to: a.count, by: 2) {
      sum = sum.addingProduct(a[step + 1].flushed, b[step + 1].flushed).flushed
      sum = sum.addingProduct(a[step].flushed, b[step].flushed).flushed
    }
    return stored(sum)
  }

  @Test("products have the bits of the processor's instruction, also of subnormal numbers")
  func products() throws {
    var data = TestData(seed: 5)
    let (rows, depth, columns) = (29, 48, 80)
    let shape = ImageShape(height: 1, width: rows, channels: depth)
    let geometry = try #require(
      ConvolutionGeometry(
        input: shape, kernelHeight: 1, kernelWidth: 1, outputChannels: columns, stride: 1,
        padding: 0))
    let algorithm = geometry.algorithm(for: .bfloat16)
    #expect(algorithm.name == "1×1 GEMM")
    // Exponents so wide that products and sums become subnormal, some operands are.
    func wide(_ count: Int, deviation: Double) -> [Double] {
      data.normal(count: count).map { value in
        ElementType.bfloat16.round(value * deviation)
      }
    }
    for deviation in [1, 0x1p-62, 0x1p-64, 0x1p-126] {
      let a = wide(rows * depth, deviation: deviation)
      let b = wide(depth * columns, deviation: deviation < 0x1p-100 ? 0x1p10 : deviation)
      let prepared = GuardedMemory<Float>(repeating: .nan, count: algorithm.preparedWeightCount)
      algorithm.prepareForward(GuardedMemory<Float>(b).pointer, into: prepared.pointer)
      let y = GuardedImages(repeating: .nan, count: rows * columns, .bfloat16)
      algorithm.forward(
        input: GuardedImages(a, .bfloat16).tensor(images: 1, shape), weights: prepared.pointer,
        output: y.tensor(images: 1, geometry.output),
        scratch: GuardedMemory<Float>(repeating: .nan, count: 16).pointer)
      let (af, bf) = (a.map { Float($0) }, b.map { Float($0) })
      let expected = (0..<rows * columns).map { index in
        let (row, column) = index.quotientAndRemainder(dividingBy: columns)
        return Self.product(
          Array(af[row * depth..<(row + 1) * depth]),
          (0..<depth).map { bf[$0 * columns + column] })
      }
      #expect(y.values.map(\.bitPattern) == expected.map(\.bitPattern), "\(deviation), \(data)")
    }
  }
}
