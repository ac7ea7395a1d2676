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

  let name: String
  /// x, [N, H, W, C].
  let input: Place
  /// The shortcut's activations, same shape.
  let addend: Place?
  /// y, same shape.
  let output: Place
  let epilogue: BatchNormalization.Epilogue
  let scale: Range<Int>
  let shift: Range<Int>
  let runningMean: Range<Int>
  let runningVariance: Range<Int>
  let outputGradient: Place?
  let inputGradient: GradientTarget?
  /// Nil where the addend's gradient takes over the output gradient's memory.
  let addendGradient: GradientTarget?

  private let channels: Int
  /// Per channel: μ, σ⁻¹ of the last training forward pass, then three work rows.
  private let saved: AlignedBuffer<Float>

  init(
    name: String, input: Place, addend: Place?, output: Place,
    epilogue: BatchNormalization.Epilogue, scale: Range<Int>, shift: Range<Int>,
    statistics: RunningStatisticsSlot, outputGradient: Place?, inputGradient: GradientTarget?,
    addendGradient: GradientTarget?
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
    channels = input.shape.channels
    saved = AlignedBuffer(count: 5 * channels)
  }

  private var mean: UnsafeMutablePointer<Float> { saved.pointer }
  private var inverseDeviation: UnsafeMutablePointer<Float> { saved.pointer + channels }
  private func work(_ row: Int) -> UnsafeMutablePointer<Float> {
    saved.pointer + (2 + row) * channels
  }

  func forward(_ workspace: Workspace, mode: PassMode) throws {
    switch mode {
    case .training: try takeBatchStatistics(workspace)
    case .evaluation: takeRunningStatistics(workspace)
    }
    let gamma = workspace.parameters.pointer + scale.lowerBound
    let beta = workspace.parameters.pointer + shift.lowerBound
    for channel in 0..<channels {
      work(0)[channel] = gamma[channel] * inverseDeviation[channel]
      work(1)[channel] = beta[channel] - mean[channel] * work(0)[channel]
    }
    workspace.forEachShard { shard, _ in
      BatchNormalization.apply(
        workspace.tensor(input, shard: shard), scale: work(0), shift: work(1),
        addend: addend.map { UnsafePointer(workspace.tensor($0, shard: shard).base) },
        epilogue: epilogue, output: workspace.tensor(output, shard: shard))
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
    workspace.forEachShard { shard, _ in
      BatchNormalization.moments(
        workspace.tensor(input, shard: shard),
        into: workspace.localStatistics.pointer + shard * width)
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
    guard let outputGradient else { return }
    let width = 2 * channels
    workspace.forEachShard { shard, _ in
      BatchNormalization.backwardSums(
        outputGradient: workspace.tensor(outputGradient, shard: shard),
        output: workspace.tensor(output, shard: shard).base,
        input: workspace.tensor(input, shard: shard), mean: mean, epilogue: epilogue,
        into: workspace.localStatistics.pointer + shard * width)
    }
    try workspace.exchangeStatistics(width: width)
    let sums = workspace.allStatistics.pointer
    StatisticsMerge.sums(sums, width: width, merges: workspace.treeMerges)
    let count = Double(workspace.layout.batch * input.shape.area)
    let gamma = workspace.parameters.pointer + scale.lowerBound
    for channel in 0..<channels {
      let deviation = Double(inverseDeviation[channel])
      let shiftGradient = sums[channel]
      let scaleGradient = sums[channels + channel] * deviation
      workspace.gradients.pointer[shift.lowerBound + channel] = Float(shiftGradient)
      workspace.gradients.pointer[scale.lowerBound + channel] = Float(scaleGradient)
      let factor = Double(gamma[channel]) * deviation
      work(0)[channel] = Float(factor)
      work(1)[channel] = Float(-factor * deviation * scaleGradient / count)
      work(2)[channel] = Float(-factor * shiftGradient / count)
    }
    workspace.forEachShard { shard, _ in
      let masked = workspace.tensor(outputGradient, shard: shard)
      if let inputGradient {
        BatchNormalization.backwardData(
          maskedGradient: masked, input: workspace.tensor(input, shard: shard), mean: mean,
          a: work(0), b: work(1), c: work(2),
          inputGradient: workspace.tensor(inputGradient.place, shard: shard),
          accumulate: inputGradient.accumulate)
      }
      if let addendGradient {
        addendGradient.take(masked, workspace.tensor(addendGradient.place, shard: shard))
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
