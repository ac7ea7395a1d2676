/// A convolution in a plan, with the normalization passes that the plan put into it.

import Kernels
import Tensors

final class ConvolutionLayer: PlannedLayer {
  let name: String
  /// Of a slice of an image.
  let algorithm: any ConvolutionAlgorithm
  private let slicesPerImage: Int
  /// [N, H, W, C].
  let source: ActivationSource
  /// [N, H_out, W_out, K].
  let output: Place
  let weights: Range<Int>
  /// The normalization of the output that this layer computes moments and gradients for.
  let following: BatchNormalizationLayer?
  /// The normalization whose masked gradient and sums this layer computes.
  let preceding: BatchNormalizationLayer?
  /// Nil in evaluation plans, and where `following` makes the gradient block by block.
  let outputGradient: Place?
  /// Nil where nobody needs the input's gradient: the network's first layer.
  let inputGradient: GradientTarget?

  init(
    name: String, geometry: ConvolutionGeometry, source: ActivationSource, output: Place,
    weights: Range<Int>, following: BatchNormalizationLayer?,
    preceding: BatchNormalizationLayer?, outputGradient: Place?, inputGradient: GradientTarget?
  ) {
    self.name = name
    slicesPerImage = geometry.slicesPerImage
    algorithm = geometry.slice(of: slicesPerImage).algorithm
    self.source = source
    self.output = output
    self.weights = weights
    self.following = following
    self.preceding = preceding
    self.outputGradient = outputGradient
    self.inputGradient = inputGradient
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

  var propagates: Bool { inputGradient != nil }

  var weightRange: Range<Int>? { weights }

  // MARK: Blocks

  /// Slices of a block: few enough that its input and output stay in the second-level cache, but enough
  /// positions for the weights, which pass by each block.
  private var slicesPerBlock: Int {
    if algorithm.streamsWeights { return max(1, 4096 / geometry.output.area) }
    return max(
      1, 48 * 1024 / max(geometry.input.count, geometry.output.count),
      Self.leastPositions / geometry.output.area)
  }

  private static let leastPositions = 192

  /// Elements of a rank's output from which on they go to memory past the caches, 24 MiB: the layer behind
  /// finds none of them in a cache anyway, and a store that first reads its line takes three times as
  /// long on an Intel Xeon.
  private static let leastStreamedCount = 6 * 1024 * 1024
  private var streamsOutput = false

  /// Whether the plan has a backward pass.
  private var learns: Bool { outputGradient != nil || following?.outputGradient != nil }

  /// A thread's scratch, divided; the last is for the backward pass only.
  private struct Scratch {
    let activations: UnsafeMutablePointer<Float>
    let sums: UnsafeMutablePointer<Double>
    let algorithm: UnsafeMutablePointer<Float>
    /// A block of the output on its way to memory, or of the output's gradient.
    let output: UnsafeMutablePointer<Float>
    let weightSums: UnsafeMutablePointer<Float>
  }

  private func scratchCounts(images: Int) -> [Int] {
    let slices = min(images * slicesPerImage, slicesPerBlock)
    return [
      source.isRecomputed ? slices * geometry.input.count : 0,
      2
        * BatchNormalization.scratchCount(
          channels: max(geometry.input.channels, geometry.output.channels)),
      algorithm.scratchCount(images: slices),
      learns && following != nil ? slices * geometry.output.count : 0,
      learns ? algorithm.weightScratchCount(images: slices) : 0,
    ]
  }

  func scratch(images: Int, _ direction: PassDirection) -> PassScratch {
    PassScratch(
      perThread: scratchCounts(images: images)
        .prefix(direction == .backward ? 5 : streamsOutput ? 4 : 3)
        .reduce(0) { $0 + CacheLine.whole(floats: $1) },
      preparedWeights: direction == .forward || propagates ? algorithm.preparedWeightCount : 0,
      shardGradient: direction == .backward ? weights.count : 0)
  }

  private func divide(_ base: UnsafeMutablePointer<Float>) -> Scratch {
    Scratch(
      activations: base + scratchOffsets[0],
      sums: UnsafeMutableRawPointer(base + scratchOffsets[1])
        .assumingMemoryBound(to: Double.self),
      algorithm: base + scratchOffsets[2], output: base + scratchOffsets[3],
      weightSums: base + scratchOffsets[4])
  }

  /// Offsets of the scratch's parts, for the images that the plan was made for.
  private var scratchOffsets: InlineArray<5, Int> = [0, 0, 0, 0, 0]

  /// Fixes the scratch's division for up to `images` images of this rank.
  func planScratch(images: Int) {
    streamsOutput =
      learns && following != nil && !algorithm.streamsWeights
      && CacheLine.whole(floats: geometry.output.channels) == geometry.output.channels
      && images * slicesPerImage * geometry.output.count >= Self.leastStreamedCount
    var offset = 0
    for (part, count) in scratchCounts(images: images).enumerated() {
      scratchOffsets[part] = offset
      offset += CacheLine.whole(floats: count)
    }
  }

  // MARK: Passes

  private func forEachBlock(
    _ workspace: Workspace,
    _ body: (_ block: Workspace.Block, _ scratch: UnsafeMutablePointer<Float>) -> Void
  ) {
    workspace.forEachBlock(
      slicesPerBlock: slicesPerBlock, slicesPerImage: slicesPerImage,
      acrossShards: algorithm.streamsWeights, body)
  }

  func forward(_ workspace: Workspace, mode: PassMode) {
    let weights = prepared(workspace, algorithm.prepareForward)
    forEachBlock(workspace) { block, base in
      let scratch = divide(base)
      let streams = streamsOutput && mode == .training
      let place = workspace.tensor(output, block.slices)
      let output =
        streams
        ? ImageTensor(base: scratch.output, images: place.images, shape: place.shape) : place
      algorithm.forward(
        input: activations(block, workspace, scratch, .forward), weights: weights,
        output: output, scratch: scratch.algorithm)
      guard mode == .training, let following else { return }
      workspace.forEachPiece(of: block) { piece in
        following.addMoments(
          piece,
          fresh: streams ? output.images(piece.slices.range, of: block.slices.range) : nil,
          workspace, scratch: scratch.sums)
      }
    }
  }

  func backward(_ workspace: Workspace) {
    guard learns else { return }
    let filters =
      inputGradient == nil ? nil : prepared(workspace, algorithm.prepareBackwardData)
    forEachBlock(workspace) { block, base in
      let scratch = divide(base)
      let gradient = outputGradient(block, workspace, scratch)
      let input = activations(block, workspace, scratch, .backward)
      workspace.forEachPiece(of: block) { piece in
        addWeightGradient(piece, of: block, input, gradient, workspace, scratch)
      }
      guard let inputGradient, let filters else { return }
      let target = workspace.tensor(inputGradient.place, block.slices)
      algorithm.backwardData(
        outputGradient: gradient, weights: filters, inputGradient: target,
        accumulate: inputGradient.accumulate, scratch: scratch.algorithm)
      guard let preceding else { return }
      workspace.forEachPiece(of: block) { piece in
        let part = piece.slices.range.lowerBound - block.slices.range.lowerBound
        preceding.addBackwardSums(
          piece, switches: .output(input.base + part * geometry.input.count), workspace,
          scratch: scratch.sums)
      }
    }
    workspace.combineShardGradients(weights)
  }

  /// The weights in the form that a pass takes.
  private func prepared(
    _ workspace: Workspace,
    _ prepare: (UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) -> UnsafePointer<Float> {
    let stored = UnsafePointer(workspace.parameters + weights.lowerBound)
    guard algorithm.preparedWeightCount > 0 else { return stored }
    prepare(stored, workspace.preparedWeights)
    return UnsafePointer(workspace.preparedWeights)
  }

  private func addWeightGradient(
    _ piece: Workspace.Piece, of block: Workspace.Block, _ input: ImageTensor,
    _ gradient: ImageTensor, _ workspace: Workspace, _ scratch: Scratch
  ) {
    let target = workspace.shardGradient(weights, shard: piece.shard)
    algorithm.addWeightGradient(
      input: input.images(piece.slices.range, of: block.slices.range),
      outputGradient: gradient.images(piece.slices.range, of: block.slices.range), into: target,
      isFirst: piece.isFirst, isLast: piece.isLast, scratch: scratch.weightSums)
    if piece.isLast { workspace.didAddShardGradient(weights, shard: piece.shard) }
  }

  /// A block's input; on the way forward the output of the normalization right before is written to
  /// its place, if it has one.
  private func activations(
    _ block: Workspace.Block, _ workspace: Workspace, _ scratch: Scratch,
    _ direction: PassDirection
  ) -> ImageTensor {
    let values = source.values(
      block.slices, workspace, direction,
      scratch: ImageTensor(
        base: scratch.activations, images: block.slices.range.count, shape: geometry.input))
    if direction == .forward, let preceding, preceding.output != nil {
      preceding.apply(block.slices, workspace, .forward, into: values)
    }
    return values
  }

  /// A block of the output's gradient.
  private func outputGradient(
    _ block: Workspace.Block, _ workspace: Workspace, _ scratch: Scratch
  ) -> ImageTensor {
    if let outputGradient { return workspace.tensor(outputGradient, block.slices) }
    let tensor = ImageTensor(
      base: scratch.output, images: block.slices.range.count, shape: geometry.output)
    following?.backwardData(block.slices, workspace, into: tensor, accumulate: false)
    return tensor
  }
}

extension ImageTensor {
  /// The images `part` of a tensor that holds `whole`.
  fileprivate func images(_ part: Range<Int>, of whole: Range<Int>) -> ImageTensor {
    ImageTensor(
      base: base + (part.lowerBound - whole.lowerBound) * shape.count, images: part.count,
      shape: shape)
  }
}
