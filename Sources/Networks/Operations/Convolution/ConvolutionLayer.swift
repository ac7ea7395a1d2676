/// A convolution in a plan, with the normalization passes that the plan put into it.

import Kernels
import Tensors

final class ConvolutionLayer: PlannedLayer {
  let name: String
  /// Of a slice of an image.
  private let algorithm: any ConvolutionAlgorithm
  private let slicesPerImage: Int
  /// [N, H, W, C].
  private let source: ActivationSource
  /// [N, H_out, W_out, K].
  private let output: TensorSlot
  private let weights: Range<Int>
  /// Whether the weights have gradients.
  private let trains: Bool
  /// The normalization of the output that this layer computes moments and gradients for.
  private let following: BatchNormalizationLayer?
  /// The normalization whose output, masked gradient and sums this layer computes.
  private let preceding: BatchNormalizationLayer?
  /// Nil in evaluation plans, and where `following` makes the gradient block by block.
  private let outputGradient: TensorSlot?
  /// Nil where nobody needs the input's gradient, as of the network's first layer.
  private let inputGradient: GradientTarget?
  /// Whether the output is written to memory past the caches.
  private let streamsOutput: Bool
  /// Offsets of the scratch's parts, in floats.
  private let scratchOffsets: InlineArray<6, Int>

  /// - Parameter images: images or rows of this rank, at most.
  init(
    name: String, geometry: ConvolutionGeometry, products: ProductArithmetic,
    source: ActivationSource, output: TensorSlot,
    weights: Range<Int>, trains: Bool, following: BatchNormalizationLayer?,
    preceding: BatchNormalizationLayer?, outputGradient: TensorSlot?,
    inputGradient: GradientTarget?, images: Int
  ) {
    self.name = name
    slicesPerImage = geometry.slicesPerImage
    algorithm = geometry.slice(of: slicesPerImage).algorithm(for: products)
    self.source = source
    self.output = output
    self.weights = weights
    self.trains = trains
    self.following = following
    self.preceding = preceding
    self.outputGradient = outputGradient
    self.inputGradient = inputGradient
    let sliceOutput = algorithm.geometry.output
    let isTraining = outputGradient != nil || following?.outputGradient != nil
    streamsOutput =
      isTraining && following?.takesBatchStatistics(.training) == true
      && !algorithm.streamsWeights
      && CacheLine.whole(floats: sliceOutput.channels) == sliceOutput.channels
      && output.element.floats(images * slicesPerImage * sliceOutput.count)
        >= Self.leastStreamedFloats
    scratchOffsets = Self.scratchOffsets(
      algorithm, output.element, source: source, slices: images * slicesPerImage,
      keepsOutputBlock: isTraining && following != nil, trains: isTraining && trains)
  }

  /// Of a slice.
  private var geometry: ConvolutionGeometry { algorithm.geometry }

  var summary: String {
    let stride = geometry.stride > 1 ? "/\(geometry.stride)" : ""
    let groups = geometry.groups > 1 ? " in \(geometry.groups) groups" : ""
    let input = geometry.input
    let whole = ImageShape(
      height: input.height * slicesPerImage, width: input.width, channels: input.channels)
    return "\(geometry.kernelHeight)×\(geometry.kernelWidth)\(stride), \(whole) → "
      + "\(geometry.output.channels)\(groups), \(algorithm.name)"
  }

  var multiplyAdds: Int { geometry.multiplyAdds * slicesPerImage }

  var needsInputGradient: Bool { inputGradient != nil }

  var weightRange: Range<Int>? { trains ? weights : nil }

  // MARK: Blocks

  /// Slices of a block: few enough that its input and output stay in the second-level cache, but enough
  /// positions to amortize reading the weights once per block.
  private static func slicesPerBlock(
    _ algorithm: any ConvolutionAlgorithm, _ element: ElementType
  ) -> Int {
    let geometry = algorithm.geometry
    if algorithm.streamsWeights { return max(1, 4096 / geometry.output.area) }
    return max(
      1,
      ReproducibleBlocking.activations(element) / max(geometry.input.count, geometry.output.count),
      ReproducibleBlocking.positions / geometry.output.area)
  }

  /// Floats of a rank's output from which on they go to memory past the caches: the next layer finds
  /// none of them in a cache anyway, and a store that first reads its line takes three times as long on an
  /// Intel Xeon. It changes no bit.
  private static let leastStreamedFloats = KernelTarget.current.l3

  /// Whether the plan has a backward pass over this layer.
  private var hasBackward: Bool { outputGradient != nil || following?.outputGradient != nil }

  /// A thread's scratch, divided; the last is for the backward pass only.
  private struct Scratch {
    let activations: UnsafeMutableRawPointer
    let sums: UnsafeMutablePointer<Double>
    let algorithm: UnsafeMutablePointer<Float>
    /// A block of the output on its way to memory, or of the output's gradient.
    let output: UnsafeMutableRawPointer
    let weightSums: UnsafeMutablePointer<Float>
  }

  /// Where the parts of a thread's scratch begin, and where the last one ends.
  private static func scratchOffsets(
    _ algorithm: any ConvolutionAlgorithm, _ element: ElementType, source: ActivationSource,
    slices: Int, keepsOutputBlock: Bool, trains: Bool
  ) -> InlineArray<6, Int> {
    let geometry = algorithm.geometry
    let slices = min(slices, slicesPerBlock(algorithm, element))
    let sums = BatchNormalization.scratchCount(
      channels: max(geometry.input.channels, geometry.output.channels))
    let counts = [
      source.needsScratch(element) ? element.floats(slices * geometry.input.count) : 0, 2 * sums,
      algorithm.scratchCount(images: slices),
      keepsOutputBlock ? element.floats(slices * geometry.output.count) : 0,
      trains ? algorithm.weightScratchCount(images: slices) : 0,
    ]
    var offsets = InlineArray<6, Int>(repeating: 0)
    for (part, count) in counts.enumerated() {
      offsets[part + 1] = offsets[part] + CacheLine.whole(floats: count)
    }
    return offsets
  }

  func scratch(_ direction: PassDirection) -> PassScratch {
    let parts = direction == .backward ? 5 : streamsOutput ? 4 : 3
    return PassScratch(
      perThread: scratchOffsets[parts],
      preparedWeights: direction == .forward || needsInputGradient
        ? algorithm.preparedWeightCount : 0,
      shardGradient: direction == .backward && trains ? weights.count : 0)
  }

  private func divide(_ base: UnsafeMutablePointer<Float>) -> Scratch {
    Scratch(
      activations: UnsafeMutableRawPointer(base + scratchOffsets[0]),
      sums: UnsafeMutableRawPointer(base + scratchOffsets[1])
        .assumingMemoryBound(to: Double.self),
      algorithm: base + scratchOffsets[2],
      output: UnsafeMutableRawPointer(base + scratchOffsets[3]),
      weightSums: base + scratchOffsets[4])
  }

  // MARK: Passes

  private func forEachBlock(
    _ pass: PassContext,
    _ body: (_ block: PassContext.Block, _ scratch: UnsafeMutablePointer<Float>) -> Void
  ) {
    pass.forEachBlock(
      of: output, slicesPerBlock: Self.slicesPerBlock(algorithm, output.element),
      slicesPerImage: slicesPerImage,
      acrossShards: algorithm.streamsWeights, body)
  }

  func forward(_ pass: PassContext) {
    let weights = prepared(pass, algorithm.prepareForward)
    let streams = streamsOutput && pass.mode == .training
    forEachBlock(pass) { block, base in
      let scratch = divide(base)
      let stored = pass.tensor(output, block.slices)
      let output =
        streams
        ? ImageTensor(
          memory: scratch.output, images: stored.images, shape: stored.shape,
          element: stored.element) : stored
      algorithm.forward(
        input: activations(block, pass, scratch, .forward), weights: weights,
        output: output, scratch: scratch.algorithm)
      guard let following, following.takesBatchStatistics(pass.mode) else { return }
      pass.forEachPiece(of: block) { piece in
        following.addMoments(
          piece,
          fresh: streams ? output.images(piece.slices.range, of: block.slices.range) : nil,
          pass, scratch: scratch.sums)
      }
    }
  }

  func backward(_ pass: PassContext) {
    guard hasBackward else { return }
    let filters = inputGradient == nil ? nil : prepared(pass, algorithm.prepareBackwardData)
    forEachBlock(pass) { block, base in
      let scratch = divide(base)
      let gradient = outputGradient(block, pass, scratch)
      let input =
        trains || preceding != nil ? activations(block, pass, scratch, .backward) : nil
      if trains, let input {
        pass.forEachPiece(of: block) { piece in
          addWeightGradient(piece, of: block, input, gradient, pass, scratch)
        }
      }
      guard let inputGradient, let filters else { return }
      let target = pass.tensor(inputGradient.slot, block.slices)
      algorithm.backwardData(
        outputGradient: gradient, weights: filters, inputGradient: target,
        accumulate: inputGradient.accumulate, scratch: scratch.algorithm)
      guard let preceding, let input else { return }
      pass.forEachPiece(of: block) { piece in
        preceding.addBackwardSums(
          piece, switches: .output(input.images(piece.slices.range, of: block.slices.range)), pass,
          scratch: scratch.sums)
      }
    }
    if trains { pass.combineShardGradients(weights) }
  }

  /// The weights in the form that a pass takes.
  private func prepared(
    _ pass: PassContext,
    _ prepare: (UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) -> UnsafePointer<Float> {
    let stored = pass.parameters + weights.lowerBound
    guard algorithm.preparedWeightCount > 0 else { return stored }
    prepare(stored, pass.preparedWeights)
    return UnsafePointer(pass.preparedWeights)
  }

  private func addWeightGradient(
    _ piece: PassContext.Piece, of block: PassContext.Block, _ input: ImageTensor,
    _ gradient: ImageTensor, _ pass: PassContext, _ scratch: Scratch
  ) {
    let target = pass.shardGradient(weights, shard: piece.shard)
    algorithm.addWeightGradient(
      input: input.images(piece.slices.range, of: block.slices.range),
      outputGradient: gradient.images(piece.slices.range, of: block.slices.range), into: target,
      isFirst: piece.isFirst, isLast: piece.isLast, scratch: scratch.weightSums)
    if piece.isLast { pass.didAddShardGradient(weights, shard: piece.shard) }
  }

  /// A block's input; on the way forward the output of the normalization right before is written to
  /// its slot, if it has one.
  private func activations(
    _ block: PassContext.Block, _ pass: PassContext, _ scratch: Scratch,
    _ direction: PassDirection
  ) -> ImageTensor {
    let values = source.values(
      block.slices, pass, direction,
      scratch: ImageTensor(
        memory: scratch.activations, images: block.slices.range.count, shape: geometry.input,
        element: output.element))
    if direction == .forward, let preceding, preceding.output != nil {
      preceding.apply(block.slices, pass, .forward, into: values)
    }
    return values
  }

  /// A block of the output's gradient.
  private func outputGradient(
    _ block: PassContext.Block, _ pass: PassContext, _ scratch: Scratch
  ) -> ImageTensor {
    if let outputGradient { return pass.tensor(outputGradient, block.slices) }
    let tensor = ImageTensor(
      memory: scratch.output, images: block.slices.range.count, shape: geometry.output,
      element: output.element)
    following?.backwardData(block.slices, pass, into: tensor, accumulate: false)
    return tensor
  }
}

extension ImageTensor {
  /// The images `part` of a tensor that holds `whole`.
  fileprivate func images(_ part: Range<Int>, of whole: Range<Int>) -> ImageTensor {
    images(part.lowerBound - whole.lowerBound..<part.upperBound - whole.lowerBound)
  }
}
