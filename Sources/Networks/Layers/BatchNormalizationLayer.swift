/// Batch normalization synchronized over the whole mini-batch, with its fused epilogue.

import Kernels
import Tensors

/// BN over the shards of each BN group, whichever ranks hold them. docs/batch-normalization.md derives
/// the backward pass.
///
/// Each shard gives (mean, M2) per channel, and the exchange merges them to the groups'; backward
/// likewise with (Σdz, Σdz·(x − μ)). Every rank learns all groups' numbers, so γ's and β's gradients
/// and the running statistics, which are over all groups, are whole on every rank and are not summed
/// over ranks again.
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
  private let groups: Int
  /// Of each of this rank's groups, [groups, 7, C]: μ and σ⁻¹ of the last forward pass, scale and
  /// shift of `apply`, a, b and c of `backwardData`.
  private let saved: AlignedBuffer<Float>
  /// σ⁻¹ of every group, [groups, C].
  private let inverseDeviations: AlignedBuffer<Float>
  /// Sums over the groups of all parts of the mini-batch so far: of means and unbiased variances, and
  /// of β's and γ's gradients, [2, C] each.
  private let moments: AlignedBuffer<Double>
  private let parameterGradients: AlignedBuffer<Double>
  /// Whether the last forward pass took running statistics, the same for all images.
  private var isEvaluating = false

  init(
    name: String, input: Place, addend: Place?, output: Place?,
    epilogue: BatchNormalization.Epilogue, scale: Range<Int>, shift: Range<Int>,
    statistics: RunningStatisticsSlot, outputGradient: Place?, inputGradient: GradientTarget?,
    addendGradient: GradientTarget?, delegation: Delegation,
    division: StatisticsDivision
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
    groups = division.groups.count
    saved = AlignedBuffer(count: 7 * channels * division.localGroups.count)
    inverseDeviations = AlignedBuffer(count: groups * channels)
    moments = AlignedBuffer(count: 2 * channels)
    parameterGradients = AlignedBuffer(count: 2 * channels)
  }

  /// One group's row of `saved`.
  private enum Row: Int {
    case mean, inverseDeviation, scale, shift, a, b, c
  }

  private func row(_ row: Row, ofGroup group: Int) -> UnsafeMutablePointer<Float> {
    saved.pointer + (7 * group + row.rawValue) * channels
  }

  /// The group, among this rank's, that all of `images` belong to.
  private func group(of images: Range<Int>, _ workspace: Workspace) -> Int {
    isEvaluating || groups == 1 ? 0 : workspace.group(ofLocalImage: images.lowerBound)
  }

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
    let group = group(of: images, workspace)
    BatchNormalization.apply(
      workspace.tensor(input, images: images), scale: row(.scale, ofGroup: group),
      shift: row(.shift, ofGroup: group),
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
      input: workspace.tensor(input, images: piece.images),
      mean: row(.mean, ofGroup: group(of: piece.images, workspace)), epilogue: epilogue,
      to: workspace.localStatistics.pointer + piece.shard * 2 * channels,
      isFirst: piece.isFirst, scratch: scratch)
  }

  /// Writes or adds the input's gradient of `images` from the masked output gradient.
  func backwardData(
    _ images: Range<Int>, _ workspace: Workspace, into inputGradient: ImageTensor,
    accumulate: Bool
  ) {
    guard let outputGradient else { return }
    let group = group(of: images, workspace)
    BatchNormalization.backwardData(
      maskedGradient: workspace.tensor(outputGradient, images: images),
      input: workspace.tensor(input, images: images), mean: row(.mean, ofGroup: group),
      a: row(.a, ofGroup: group), b: row(.b, ofGroup: group), c: row(.c, ofGroup: group),
      inputGradient: inputGradient, accumulate: accumulate)
  }

  // MARK: Whole passes

  func forward(_ workspace: Workspace, mode: PassMode) throws {
    isEvaluating = mode == .evaluation
    switch mode {
    case .training: try takeBatchStatistics(workspace)
    case .evaluation: takeRunningStatistics(workspace)
    }
    let gamma = workspace.parameters.pointer + scale.lowerBound
    let beta = workspace.parameters.pointer + shift.lowerBound
    for group in 0..<(isEvaluating ? 1 : workspace.division.localGroups.count) {
      let (scale, shift) = (row(.scale, ofGroup: group), row(.shift, ofGroup: group))
      let mean = row(.mean, ofGroup: group)
      let inverseDeviation = row(.inverseDeviation, ofGroup: group)
      for channel in 0..<channels {
        scale[channel] = gamma[channel] * inverseDeviation[channel]
        shift[channel] = beta[channel] - mean[channel] * scale[channel]
      }
    }
    if delegation.isDisjoint(with: [.toReader, .toAllReaders]), let output {
      forEachPiece(workspace) { piece, _ in
        apply(piece.images, workspace, into: workspace.tensor(output, images: piece.images))
      }
    }
  }

  private func takeRunningStatistics(_ workspace: Workspace) {
    let statistics = workspace.runningStatistics.pointer
    let (mean, inverseDeviation) = (
      row(.mean, ofGroup: 0), row(.inverseDeviation, ofGroup: 0)
    )
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
    try workspace.combineStatistics(.moments(area: input.shape.area), width: width)
    let count = Double(workspace.division.layout.capacity / groups * input.shape.area)
    if workspace.part.isFirst { moments.elements.update(repeating: 0) }
    let (means, variances) = (moments.pointer, moments.pointer + channels)
    for group in 0..<groups {
      let moments = workspace.groupStatistics.pointer + group * width
      let inverseDeviation = inverseDeviations.pointer + group * channels
      for channel in 0..<channels {
        let squares = moments[channels + channel]
        inverseDeviation[channel] = Float(1 / (squares / count + Self.epsilon).squareRoot())
        means[channel] += moments[channel]
        // As in PyTorch, the running variance is the unbiased one.
        variances[channel] += squares / max(count - 1, 1)
      }
    }
    for (index, group) in workspace.division.localGroups.enumerated() {
      let moments = workspace.groupStatistics.pointer + group * width
      let mean = row(.mean, ofGroup: index)
      for channel in 0..<channels { mean[channel] = Float(moments[channel]) }
      row(.inverseDeviation, ofGroup: index)
        .update(from: inverseDeviations.pointer + group * channels, count: channels)
    }
    if workspace.part.isLast { updateRunningStatistics(workspace) }
  }

  /// Takes the mean over all groups of the mini-batch into the running statistics.
  private func updateRunningStatistics(_ workspace: Workspace) {
    let count = Double(groups * workspace.part.count)
    let momentum = Self.runningMomentum
    let statistics = workspace.runningStatistics.pointer
    for channel in 0..<channels {
      let mean = Float(moments.pointer[channel] / count)
      let variance = Float(moments.pointer[channels + channel] / count)
      let meanIndex = runningMean.lowerBound + channel
      let varianceIndex = runningVariance.lowerBound + channel
      statistics[meanIndex] = (1 - momentum) * statistics[meanIndex] + momentum * mean
      statistics[varianceIndex] =
        (1 - momentum) * statistics[varianceIndex] + momentum * variance
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
    try workspace.combineStatistics(.sums, width: width)
    takeParameterGradients(workspace)
    let count = Double(workspace.division.layout.capacity / groups * input.shape.area)
    let gamma = workspace.parameters.pointer + scale.lowerBound
    for (index, group) in workspace.division.localGroups.enumerated() {
      let sums = workspace.groupStatistics.pointer + group * width
      let inverseDeviation = row(.inverseDeviation, ofGroup: index)
      let (a, b, c) = (
        row(.a, ofGroup: index), row(.b, ofGroup: index), row(.c, ofGroup: index)
      )
      for channel in 0..<channels {
        let deviation = Double(inverseDeviation[channel])
        let shiftGradient = sums[channel]
        let scaleGradient = sums[channels + channel] * deviation
        let factor = Double(gamma[channel]) * deviation
        a[channel] = Float(factor)
        b[channel] = Float(-factor * deviation * scaleGradient / count)
        c[channel] = Float(-factor * shiftGradient / count)
      }
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

  /// γ's and β's gradients: the sums over all groups so far.
  private func takeParameterGradients(_ workspace: Workspace) {
    let totals = parameterGradients.pointer
    if workspace.part.isFirst { parameterGradients.elements.update(repeating: 0) }
    for group in 0..<groups {
      let sums = workspace.groupStatistics.pointer + group * 2 * channels
      let inverseDeviation = inverseDeviations.pointer + group * channels
      for channel in 0..<channels {
        totals[channel] += sums[channel]
        totals[channels + channel] +=
          sums[channels + channel] * Double(inverseDeviation[channel])
      }
    }
    let gradients = workspace.nodeGradient(0)
    for channel in 0..<channels {
      gradients[shift.lowerBound + channel] = Float(totals[channel])
      gradients[scale.lowerBound + channel] = Float(totals[channels + channel])
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
