/// Batch normalization's kernels against Float64, and the accuracy of the moments.

import Kernels
import Tensors
import TestSupport
import Testing

/// Rows and channels on both sides of the vector width and of the runs of 64 rows.
private let shapes = [
  ImageShape(height: 1, width: 1, channels: 3), ImageShape(height: 4, width: 4, channels: 16),
  ImageShape(height: 3, width: 5, channels: 17), ImageShape(height: 9, width: 7, channels: 5),
  ImageShape(height: 13, width: 11, channels: 24), ImageShape(height: 8, width: 8, channels: 64),
]

private let epilogues: [BatchNormalization.Epilogue] = [[], .relu, .add, [.add, .relu]]

private let images = 3

/// One layer's numbers; γ is kept off 0.
private struct Layer {
  let shape: ImageShape
  let epilogue: BatchNormalization.Epilogue
  var data: TestData
  let x: [Double]
  let gamma: [Double]
  let beta: [Double]
  let addend: [Double]
  let dy: [Double]

  init(_ shape: ImageShape, _ epilogue: BatchNormalization.Epilogue, seed: UInt64) {
    self.shape = shape
    self.epilogue = epilogue
    data = TestData(seed: seed)
    let count = images * shape.count
    x = data.normalFloats(count: count, mean: 0.5, deviation: 2)
    gamma = data.uniform(count: shape.channels, from: 0.5, to: 2).map { Double(Float($0)) }
    beta = data.normalFloats(count: shape.channels)
    addend = data.normalFloats(count: count)
    dy = data.normalFloats(count: count)
  }

  /// The layer in Float64 with the batch's own statistics.
  func reference(
    x: [Double]? = nil, gamma: [Double]? = nil, beta: [Double]? = nil, addend: [Double]? = nil
  ) -> [Double] {
    var y = referenceBatchNormalization(
      ReferenceImages(images: images, shape, x ?? self.x), gamma: gamma ?? self.gamma,
      beta: beta ?? self.beta)
    if epilogue.contains(.add) {
      y = referenceAdd(y, ReferenceImages(images: images, shape, addend ?? self.addend))
    }
    return epilogue.contains(.relu) ? referenceReLU(y).values : y.values
  }

  var statistics: ReferenceStatistics {
    referenceStatistics(ReferenceImages(images: images, shape, x))
  }

  /// γ·σ⁻¹ with ε = 1e-5.
  var scale: [Double] {
    zip(gamma, statistics.biasedVariance).map { $0 / ($1 + 1e-5).squareRoot() }
  }

  /// β − μ·γ·σ⁻¹.
  var shift: [Double] {
    let (mean, scale) = (statistics.mean, scale)
    return beta.indices.map { beta[$0] - mean[$0] * scale[$0] }
  }

  /// `apply` with the reference's statistics, into `output`.
  func apply(_ input: GuardedMemory<Float>, into output: GuardedMemory<Float>) {
    BatchNormalization.apply(
      input.tensor(images: images, shape), scale: GuardedMemory(scale).pointer,
      shift: GuardedMemory(shift).pointer,
      addend: epilogue.contains(.add)
        ? GuardedMemory(addend).tensor(images: images, shape) : nil,
      epilogue: epilogue, output: output.tensor(images: images, shape))
  }
}

extension BatchNormalization {
  /// The moments of `input` alone.
  fileprivate static func moments(
    _ input: ImageTensor, into moments: UnsafeMutablePointer<Double>
  ) {
    let scratch = GuardedMemory<Double>(
      repeating: .nan, count: scratchCount(channels: input.channels))
    addMoments(input, to: moments, rowsBefore: 0, scratch: scratch.pointer)
  }

  /// The backward sums of `input` alone.
  fileprivate static func backwardSums(
    outputGradient: ImageTensor, switches: Switches?, input: ImageTensor,
    mean: UnsafePointer<Float>, epilogue: Epilogue, into sums: UnsafeMutablePointer<Double>
  ) {
    let scratch = GuardedMemory<Double>(
      repeating: .nan, count: scratchCount(channels: input.channels))
    addBackwardSums(
      outputGradient: outputGradient, switches: switches, input: input, mean: mean,
      epilogue: epilogue, to: sums, isFirst: true, scratch: scratch.pointer)
  }
}

@Suite struct BatchNormalizationTests {
  @Test("moments and sums of pieces add up to the whole's", arguments: shapes)
  func pieces(_ shape: ImageShape) {
    let layer = Layer(shape, [], seed: 9)
    let channels = shape.channels
    let x = GuardedMemory(layer.x).tensor(images: images, shape)
    let dy = GuardedMemory(layer.dy).tensor(images: images, shape)
    let mean = GuardedMemory<Float>(layer.statistics.mean)
    func make() -> GuardedMemory<Double> { GuardedMemory(repeating: .nan, count: 2 * channels) }
    let whole = (moments: make(), sums: make())
    BatchNormalization.moments(x, into: whole.moments.pointer)
    BatchNormalization.backwardSums(
      outputGradient: dy, switches: nil, input: x, mean: mean.pointer, epilogue: [],
      into: whole.sums.pointer)
    let pieces = (moments: make(), sums: make())
    let scratch = GuardedMemory<Double>(
      repeating: .nan, count: BatchNormalization.scratchCount(channels: channels))
    for image in 0..<images {
      func piece(_ tensor: ImageTensor) -> ImageTensor {
        ImageTensor(base: tensor.base + image * shape.count, images: 1, shape: shape)
      }
      BatchNormalization.addMoments(
        piece(x), to: pieces.moments.pointer, rowsBefore: image * shape.area,
        scratch: scratch.pointer)
      BatchNormalization.addBackwardSums(
        outputGradient: piece(dy), switches: nil, input: piece(x), mean: mean.pointer, epilogue: [],
        to: pieces.sums.pointer, isFirst: image == 0, scratch: scratch.pointer)
    }
    #expect(
      relativeError(pieces.moments.values, whole.moments.values, scale: 1) < 1e-6, "\(layer.data)")
    #expect(relativeError(pieces.sums.values, whole.sums.values, scale: 1) < 1e-5, "\(layer.data)")
  }

  @Test("an input streamed to memory arrives there and has the same moments", arguments: [16, 96])
  func streamedInput(channels: Int) {
    let shape = ImageShape(height: 9, width: 7, channels: channels)
    let layer = Layer(shape, [], seed: 3)
    let x = GuardedMemory<Float>(layer.x)
    let copy = GuardedMemory<Float>(repeating: .nan, count: x.count)
    let moments = (0..<2).map { _ in GuardedMemory<Double>(repeating: .nan, count: 2 * channels) }
    BatchNormalization.moments(x.tensor(images: images, shape), into: moments[0].pointer)
    let scratch = GuardedMemory<Double>(
      repeating: .nan, count: BatchNormalization.scratchCount(channels: channels))
    BatchNormalization.addMoments(
      x.tensor(images: images, shape), to: moments[1].pointer, rowsBefore: 0,
      streamedTo: copy.tensor(images: images, shape), scratch: scratch.pointer)
    #expect(moments[0].values == moments[1].values)
    #expect(x.values == copy.values)
  }

  @Test("a shard's moments are the reference's", arguments: shapes)
  func moments(_ shape: ImageShape) {
    let layer = Layer(shape, [], seed: 1)
    let moments = GuardedMemory<Double>(repeating: .nan, count: 2 * shape.channels)
    BatchNormalization.moments(
      GuardedMemory(layer.x).tensor(images: images, shape), into: moments.pointer)
    let expected = layer.statistics
    let squares = expected.biasedVariance.map { $0 * Double(expected.count) }
    #expect(
      relativeError(moments.values, expected.mean + squares, scale: 1) < 1e-6, "\(layer.data)")
  }

  @Test(
    "moments are accurate where the mean is far larger than the deviation",
    arguments: [(1e4, 1.0), (1e4, 0.1), (-1e4, 0.1), (1e6, 1.0), (1e2, 1e-4), (0, 1e-20)],
    [64, 1000, 16384])
  func momentsAreRobust(_ distribution: (mean: Double, deviation: Double), rows: Int) {
    for channels in [16, 3] {
      var data = TestData(seed: 2)
      let x = data.normalFloats(
        count: rows * channels, mean: distribution.mean, deviation: distribution.deviation)
      let shape = ImageShape(height: rows, width: 1, channels: channels)
      let moments = GuardedMemory<Double>(repeating: .nan, count: 2 * channels)
      BatchNormalization.moments(GuardedMemory(x).tensor(images: 1, shape), into: moments.pointer)
      let expected = referenceStatistics(ReferenceImages(images: 1, shape, x))
      let means = Array(moments.values.prefix(channels))
      let variances = moments.values.suffix(channels).map { $0 / Double(rows) }
      #expect(
        relativeError(means, expected.mean, scale: distribution.deviation) < 1e-6, "\(data)")
      #expect(
        relativeError(variances, expected.biasedVariance, scale: 1e-300) < 2e-6, "\(data)")
    }
  }

  @Test("the data of the robustness test defeat E[x²] − E[x]² in Float32")
  func naiveVarianceFails() {
    var data = TestData(seed: 2)
    let x = data.normalFloats(count: 16384, mean: 1e4, deviation: 0.1).map { Float($0) }
    let count = Float(x.count)
    let mean = x.reduce(0, +) / count
    let naive = x.reduce(0) { $0 + $1 * $1 } / count - mean * mean
    #expect(abs(naive - 0.01) > 0.1, "\(data)")
  }

  @Test("constant channels have the mean exactly and no variance")
  func constantChannels() {
    let shape = ImageShape(height: 10, width: 10, channels: 19)
    let x = (0..<images * shape.count).map { Float(1e4) + Float($0 % 19) * 0.1 }
    let moments = GuardedMemory<Double>(repeating: .nan, count: 38)
    BatchNormalization.moments(
      GuardedMemory(x).tensor(images: images, shape), into: moments.pointer)
    #expect(Array(moments.values.prefix(19)) == (0..<19).map { Double(x[$0]) })
    #expect(moments.values.suffix(19).allSatisfy { $0 == 0 })
  }

  @Test("a shard without images has zero moments and sums", arguments: [3, 16, 17])
  func noImages(channels: Int) {
    let shape = ImageShape(height: 4, width: 4, channels: channels)
    let empty = GuardedMemory<Float>([Float]())
    let tensor = empty.tensor(images: 0, shape)
    let row = GuardedMemory<Float>(repeating: 1, count: channels)
    let moments = GuardedMemory<Double>(repeating: .nan, count: 2 * channels)
    BatchNormalization.moments(tensor, into: moments.pointer)
    #expect(moments.values.allSatisfy { $0 == 0 })
    for epilogue in epilogues {
      let sums = GuardedMemory<Double>(repeating: .nan, count: 2 * channels)
      BatchNormalization.backwardSums(
        outputGradient: tensor, switches: .output(tensor), input: tensor,
        mean: row.pointer, epilogue: epilogue, into: sums.pointer)
      #expect(sums.values.allSatisfy { $0 == 0 })
      BatchNormalization.apply(
        tensor, scale: row.pointer, shift: row.pointer, addend: tensor, epilogue: epilogue,
        output: tensor)
    }
    BatchNormalization.backwardData(
      maskedGradient: tensor, input: tensor, mean: row.pointer, a: row.pointer, b: row.pointer,
      c: row.pointer, inputGradient: tensor, accumulate: false)
    #expect(empty.values.isEmpty)
  }

  @Test("the output is the reference's with every epilogue", arguments: shapes, 0..<4)
  func apply(_ shape: ImageShape, epilogue: Int) {
    let layer = Layer(shape, epilogues[epilogue], seed: 3)
    let output = GuardedMemory<Float>(repeating: .nan, count: layer.x.count)
    layer.apply(GuardedMemory(layer.x), into: output)
    #expect(normwiseError(output.values, layer.reference()) < 1e-6, "\(layer.data)")
  }

  @Test(
    "a gradient masked by the layer's input is the one masked by its output, bit for bit",
    arguments: shapes, 0..<4)
  func switches(_ shape: ImageShape, epilogue: Int) {
    let layer = Layer(shape, epilogues[epilogue], seed: 6)
    let x = GuardedMemory<Float>(layer.x)
    let y = GuardedMemory<Float>(repeating: .nan, count: layer.x.count)
    layer.apply(x, into: y)
    let mean = GuardedMemory<Float>(layer.statistics.mean)
    let (scale, shift) = (GuardedMemory<Float>(layer.scale), GuardedMemory<Float>(layer.shift))
    let addend = GuardedMemory<Float>(layer.addend)
    func backward(_ switches: BatchNormalization.Switches) -> (dz: [Float], sums: [Double]) {
      let dz = GuardedMemory<Float>(layer.dy)
      let sums = GuardedMemory<Double>(repeating: .nan, count: 2 * shape.channels)
      BatchNormalization.backwardSums(
        outputGradient: dz.tensor(images: images, shape), switches: switches,
        input: x.tensor(images: images, shape), mean: mean.pointer, epilogue: layer.epilogue,
        into: sums.pointer)
      return (dz.values, sums.values)
    }
    let expected = backward(.output(y.tensor(images: images, shape)))
    let result = backward(
      .input(
        scale: scale.pointer, shift: shift.pointer,
        addend: addend.tensor(images: images, shape)))
    #expect(result == expected, "\(layer.data)")
    #expect(result.dz.contains(0) == layer.epilogue.contains(.relu), "\(layer.data)")
  }

  @Test("the output may be the input's memory", arguments: shapes, 0..<4)
  func applyInPlace(_ shape: ImageShape, epilogue: Int) {
    let layer = Layer(shape, epilogues[epilogue], seed: 4)
    let apart = GuardedMemory<Float>(repeating: .nan, count: layer.x.count)
    layer.apply(GuardedMemory(layer.x), into: apart)
    let inPlace = GuardedMemory<Float>(layer.x)
    layer.apply(inPlace, into: inPlace)
    #expect(inPlace.values == apart.values, "\(layer.data)")
  }

  @Test("the ReLU lets NaN through and the backward pass stops it")
  func notANumber() {
    let shape = ImageShape(height: 1, width: 1, channels: 17)
    let x = GuardedMemory<Float>(repeating: .nan, count: 17)
    let one = GuardedMemory<Float>(repeating: 1, count: 17)
    let y = GuardedMemory<Float>(repeating: 0, count: 17)
    BatchNormalization.apply(
      x.tensor(images: 1, shape), scale: one.pointer, shift: one.pointer, addend: nil,
      epilogue: .relu, output: y.tensor(images: 1, shape))
    #expect(y.values.allSatisfy { $0.isNaN })
  }

  /// Both backward kernels as a layer puts them together; dx overwrites dz if `inPlace`, or is added
  /// to `before`.
  private func backward(
    _ layer: Layer, inPlace: Bool = false, before: [Double]? = nil
  ) -> (dx: [Float], dz: [Float], gamma: [Double], beta: [Double]) {
    let (shape, channels) = (layer.shape, layer.shape.channels)
    let n = Double(images * shape.area)
    let statistics = layer.statistics
    let mean = GuardedMemory<Float>(statistics.mean)
    let inverse = statistics.biasedVariance.map { 1 / ($0 + 1e-5).squareRoot() }
    let x = GuardedMemory<Float>(layer.x)
    let dz = GuardedMemory<Float>(layer.dy)
    let y = GuardedMemory<Float>(layer.reference())
    let sums = GuardedMemory<Double>(repeating: .nan, count: 2 * channels)
    BatchNormalization.backwardSums(
      outputGradient: dz.tensor(images: images, shape),
      switches: .output(y.tensor(images: images, shape)), input: x.tensor(images: images, shape),
      mean: mean.pointer,
      epilogue: layer.epilogue,
      into: sums.pointer)
    let beta = Array(sums.values.prefix(channels))
    let gamma = zip(sums.values.suffix(channels), inverse).map(*)
    let a = layer.scale
    let b = (0..<channels).map { -a[$0] * inverse[$0] * gamma[$0] / n }
    let c = (0..<channels).map { -a[$0] * beta[$0] / n }
    let masked = dz.values
    let dx = inPlace ? dz : GuardedMemory(before ?? layer.x.map { _ in .nan })
    BatchNormalization.backwardData(
      maskedGradient: dz.tensor(images: images, shape), input: x.tensor(images: images, shape),
      mean: mean.pointer, a: GuardedMemory(a).pointer, b: GuardedMemory(b).pointer,
      c: GuardedMemory(c).pointer, inputGradient: dx.tensor(images: images, shape),
      accumulate: before != nil)
    return (dx.values, masked, gamma, beta)
  }

  @Test("the input's gradient is the reference's central difference", arguments: shapes, 0..<4)
  func inputGradient(_ shape: ImageShape, epilogue: Int) {
    var layer = Layer(shape, epilogues[epilogue], seed: 5)
    let result = backward(layer).dx
    let indices = layer.data.someIndices(of: result.count)
    let expected = centralDifferences(at: layer.x, indices: indices) {
      dot(layer.reference(x: $0), layer.dy)
    }
    // With three rows x̂ is nearly ±1 and dx what is left of larger terms.
    let scale = expected.map(abs).max()!
    #expect(
      relativeError(indices.map { result[$0] }, expected, scale: max(scale, 0.1)) < 5e-6,
      "\(layer.data)")
  }

  @Test("the input's gradient is added to what is there", arguments: shapes)
  func inputGradientAdded(_ shape: ImageShape) {
    var layer = Layer(shape, .relu, seed: 10)
    let before = layer.data.normalFloats(count: layer.x.count)
    let expected = zip(before, backward(layer).dx).map { Float($0) + $1 }
    #expect(backward(layer, before: before).dx == expected, "\(layer.data)")
  }

  @Test("the input's gradient may be the masked gradient's memory", arguments: shapes)
  func inputGradientInPlace(_ shape: ImageShape) {
    let layer = Layer(shape, .relu, seed: 6)
    #expect(backward(layer, inPlace: true).dx == backward(layer).dx, "\(layer.data)")
  }

  @Test("the addend's gradient is the reference's central difference", arguments: shapes, 2..<4)
  func addendGradient(_ shape: ImageShape, epilogue: Int) {
    var layer = Layer(shape, epilogues[epilogue], seed: 7)
    let result = backward(layer).dz
    let indices = layer.data.someIndices(of: result.count)
    let expected = centralDifferences(at: layer.addend, indices: indices) {
      dot(layer.reference(addend: $0), layer.dy)
    }
    #expect(normwiseError(indices.map { result[$0] }, expected) < 1e-6, "\(layer.data)")
  }

  @Test("gamma's gradient is the reference's central difference", arguments: shapes, 0..<4)
  func gammaGradient(_ shape: ImageShape, epilogue: Int) {
    let layer = Layer(shape, epilogues[epilogue], seed: 8)
    // A short step, as it moves a whole channel: no value may cross the ReLU's kink.
    let expected = centralDifferences(at: layer.gamma, step: 1e-7) {
      dot(layer.reference(gamma: $0), layer.dy)
    }
    let scale = expected.map(abs).max()!
    #expect(relativeError(backward(layer).gamma, expected, scale: scale) < 2e-6, "\(layer.data)")
  }

  @Test("beta's gradient is the reference's central difference", arguments: shapes, 0..<4)
  func betaGradient(_ shape: ImageShape, epilogue: Int) {
    let layer = Layer(shape, epilogues[epilogue], seed: 9)
    // A short step, as it moves a whole channel: no value may cross the ReLU's kink.
    let expected = centralDifferences(at: layer.beta, step: 1e-7) {
      dot(layer.reference(beta: $0), layer.dy)
    }
    let scale = expected.map(abs).max()!
    #expect(relativeError(backward(layer).beta, expected, scale: scale) < 2e-6, "\(layer.data)")
  }
}
