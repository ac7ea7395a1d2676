/// Batch normalization synchronized over the whole mini-batch, with its fused epilogue.

import Kernels
import Tensors

/// BN over all shards of all ranks. docs/batch-normalization.md derives the backward pass.
///
/// Each shard gives (mean, M2) per channel, the exchange gathers all shards', and every rank merges
/// them in the tree's order; backward likewise with (Σdz, Σdz·(x − μ)). So γ's and β's gradients
/// are whole on every rank and are not summed over ranks again.
final class BatchNormalizationLayer: PlannedLayer {
  /// Added to the variance (PyTorch's default).
  static let epsilon = 1e-5
  /// The weight of a new mini-batch in the running statistics (PyTorch's `momentum`).
  static let runningMomentum: Float = 0.1

  /// Which passes over memory the neighbouring convolutions run.
  struct Delegation: OptionSet {
    let rawValue: Int
    /// The convolution before computes the moments, and dx from dz.
    static let toProducer = Delegation(rawValue: 1)
    /// The convolution behind computes the output, and dz with its sums.
    static let toReader = Delegation(rawValue: 2)
    /// Every reader computes the output for itself.
    static let toAllReaders = Delegation(rawValue: 4)
  }

  let name: String
  /// x, [N, H, W, C].
  let input: Place
  /// The shortcut's activations, same shape.
  let addend: Place?
  /// y, same shape; nil where readers recompute it.
  let output: Place?
  let epilogue: BatchNormalization.Epilogue
  let scale: Range<Int>
  let shift: Range<Int>
  let runningMean: Range<Int>
  let runningVariance: Range<Int>
  let outputGradient: Place?
  /// Nil where the convolution before makes it.
  let inputGradient: GradientTarget?
  /// Nil where the addend's gradient takes over the output gradient's memory.
  let addendGradient: GradientTarget?
  let delegation: Delegation

  private let channels: Int
  /// Per channel: μ and σ⁻¹ of the last forward pass, scale and shift of `apply`, a, b and c of
  /// `backwardData`.
  private let saved: AlignedBuffer<Float>

  init(
    name: String, input: Place, addend: Place?, output: Place?,
    epilogue: BatchNormalization.Epilogue, scale: Range<Int>, shift: Range<Int>,
    statistics: RunningStatisticsSlot, outputGradient: Place?, inputGradient: GradientTarget?,
    addendGradient: GradientTarget?, delegation: Delegation
  ) {
    self.name = name
    self.input = input
    self.addend = addend
    self.output = output
    self.epilogue = epilogue
    self.scale = scale
    self.shift = shift
    runningMean = statistics.mean
    runningVariance = statistics.variance
    self.outputGradient = outputGradient
    self.inputGradient = inputGradient
    self.addendGradient = addendGradient
    self.delegation = delegation
    channels = input.shape.channels
    saved = AlignedBuffer(count: 7 * channels)
  }

  private func row(_ index: Int) -> UnsafeMutablePointer<Float> {
    saved.pointer + index * channels
  }
  private var mean: UnsafeMutablePointer<Float> { row(0) }
  private var inverseDeviation: UnsafeMutablePointer<Float> { row(1) }

  /// Images in one step of the passes that this layer runs itself.
  private var imagesPerBlock: Int { max(1, 48 * 1024 / input.shape.count) }

  /// Thread scratch floats for the passes that this layer runs itself.
  var scratchCount: Int { 2 * BatchNormalization.scratchCount(channels: channels) }

  private func forEachPiece(
    _ workspace: Workspace,
    _ body: (_ piece: Workspace.Piece, _ scratch: UnsafeMutablePointer<Double>) -> Void
  ) {
    workspace.forEachBlock(imagesPerBlock: imagesPerBlock, acrossShards: false) { block, scratch in
      let doubles = UnsafeMutableRawPointer(scratch).assumingMemoryBound(to: Double.self)
      workspace.forEachPiece(of: block) { body($0, doubles) }
    }
  }

  // MARK: Passes over some images

  /// Adds the moments of a piece of a shard to the shard's.
  func addMoments(
    _ piece: Workspace.Piece, _ workspace: Workspace, scratch: UnsafeMutablePointer<Double>
  ) {
    BatchNormalization.addMoments(
      workspace.tensor(input, images: piece.images),
      to: workspace.localStatistics.pointer + piece.shard * 2 * channels,
      rowsBefore: piece.imagesBefore * input.shape.area, scratch: scratch)
  }

  /// Writes the output of `images`.
  func apply(_ images: Range<Int>, _ workspace: Workspace, into output: ImageTensor) {
    BatchNormalization.apply(
      workspace.tensor(input, images: images), scale: row(2), shift: row(3),
      addend: addend.map { UnsafePointer(workspace.tensor($0, images: images).base) },
      epilogue: epilogue, output: output)
  }

  /// Masks a piece's output gradient and adds its sums to the shard's.
  func addBackwardSums(
    _ piece: Workspace.Piece, output: UnsafePointer<Float>, _ workspace: Workspace,
    scratch: UnsafeMutablePointer<Double>
  ) {
    guard let outputGradient else { return }
    BatchNormalization.addBackwardSums(
      outputGradient: workspace.tensor(outputGradient, images: piece.images), output: output,
      input: workspace.tensor(input, images: piece.images), mean: mean, epilogue: epilogue,
      to: workspace.localStatistics.pointer + piece.shard * 2 * channels,
      isFirst: piece.isFirst, scratch: scratch)
  }

  /// Writes or adds the input's gradient of `images` from the masked output gradient.
  func backwardData(
    _ images: Range<Int>, _ workspace: Workspace, into inputGradient: ImageTensor,
    accumulate: Bool
  ) {
    guard let outputGradient else { return }
    BatchNormalization.backwardData(
      maskedGradient: workspace.tensor(outputGradient, images: images),
      input: workspace.tensor(input, images: images), mean: mean, a: row(4), b: row(5), c: row(6),
      inputGradient: inputGradient, accumulate: accumulate)
  }

  // MARK: Whole passes

  func forward(_ workspace: Workspace, mode: PassMode) throws {
    switch mode {
    case .training: try takeBatchStatistics(workspace)
    case .evaluation: takeRunningStatistics(workspace)
    }
    let gamma = workspace.parameters.pointer + scale.lowerBound
    let beta = workspace.parameters.pointer + shift.lowerBound
    for channel in 0..<channels {
      row(2)[channel] = gamma[channel] * inverseDeviation[channel]
      row(3)[channel] = beta[channel] - mean[channel] * row(2)[channel]
    }
    if delegation.isDisjoint(with: [.toReader, .toAllReaders]), let output {
      forEachPiece(workspace) { piece, _ in
        apply(piece.images, workspace, into: workspace.tensor(output, images: piece.images))
      }
    }
  }

  private func takeRunningStatistics(_ workspace: Workspace) {
    let statistics = workspace.runningStatistics.pointer
    for channel in 0..<channels {
      mean[channel] = statistics[runningMean.lowerBound + channel]
      let variance = Double(statistics[runningVariance.lowerBound + channel])
      inverseDeviation[channel] = Float(1 / (variance + Self.epsilon).squareRoot())
    }
  }

  private func takeBatchStatistics(_ workspace: Workspace) throws {
    let width = 2 * channels
    if !delegation.contains(.toProducer) {
      forEachPiece(workspace) { addMoments($0, workspace, scratch: $1) }
    }
    try workspace.exchangeStatistics(width: width)
    workspace.setShardCounts(area: input.shape.area)
    let merged = workspace.allStatistics.pointer
    StatisticsMerge.moments(
      merged, counts: workspace.shardCounts.pointer, channels: channels,
      merges: workspace.treeMerges)
    let count = workspace.shardCounts.pointer[0]
    let momentum = Self.runningMomentum
    let statistics = workspace.runningStatistics.pointer
    for channel in 0..<channels {
      let batchMean = merged[channel]
      let squares = merged[channels + channel]
      mean[channel] = Float(batchMean)
      inverseDeviation[channel] = Float(1 / (squares / count + Self.epsilon).squareRoot())
      // As in PyTorch, the running variance is the unbiased one.
      let unbiased = squares / max(count - 1, 1)
      let meanIndex = runningMean.lowerBound + channel
      let varianceIndex = runningVariance.lowerBound + channel
      statistics[meanIndex] = (1 - momentum) * statistics[meanIndex] + momentum * Float(batchMean)
      statistics[varianceIndex] =
        (1 - momentum) * statistics[varianceIndex] + momentum * Float(unbiased)
    }
  }

  func backward(_ workspace: Workspace) throws {
    guard outputGradient != nil else { return }
    let width = 2 * channels
    if !delegation.contains(.toReader), let output {
      forEachPiece(workspace) { piece, scratch in
        addBackwardSums(
          piece, output: workspace.tensor(output, images: piece.images).base, workspace,
          scratch: scratch)
      }
    }
    try workspace.exchangeStatistics(width: width)
    let sums = workspace.allStatistics.pointer
    StatisticsMerge.sums(sums, width: width, merges: workspace.treeMerges)
    let count = Double(workspace.layout.batch * input.shape.area)
    let gamma = workspace.parameters.pointer + scale.lowerBound
    let gradients = workspace.nodeGradient(0)
    for channel in 0..<channels {
      let deviation = Double(inverseDeviation[channel])
      let shiftGradient = sums[channel]
      let scaleGradient = sums[channels + channel] * deviation
      gradients[shift.lowerBound + channel] = Float(shiftGradient)
      gradients[scale.lowerBound + channel] = Float(scaleGradient)
      let factor = Double(gamma[channel]) * deviation
      row(4)[channel] = Float(factor)
      row(5)[channel] = Float(-factor * deviation * scaleGradient / count)
      row(6)[channel] = Float(-factor * shiftGradient / count)
    }
    if inputGradient == nil && addendGradient == nil { return }
    forEachPiece(workspace) { piece, _ in
      if let inputGradient {
        backwardData(
          piece.images, workspace,
          into: workspace.tensor(inputGradient.place, images: piece.images),
          accumulate: inputGradient.accumulate)
      }
      if let addendGradient, let outputGradient {
        addendGradient.take(
          workspace.tensor(outputGradient, images: piece.images),
          workspace.tensor(addendGradient.place, images: piece.images))
      }
    }
  }
}

extension GradientTarget {
  /// Copies or adds `source` to `target`, which is this target's shard.
  func take(_ source: ImageTensor, _ target: ImageTensor) {
    if accumulate {
      Elementwise.add(target.base, source.base, output: target.base, count: target.count)
    } else {
      target.base.update(from: source.base, count: target.count)
    }
  }
}
