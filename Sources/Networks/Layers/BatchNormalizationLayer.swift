/// Batch normalization synchronized over the whole mini-batch, with its fused epilogue.

import Kernels
import Tensors

/// BN over the shards of each BN group, whichever ranks hold them. docs/batch-normalization.md derives
/// the backward pass.
///
/// Each shard gives (mean, M2) per channel, and the exchange merges them to the groups'; backward
/// likewise with (Σdz, Σdz·(x − μ)). What is over all groups, γ's and β's gradients and the running
/// statistics, goes to `NormalizationTotals`.
final class BatchNormalizationLayer: PlannedLayer {
  /// Added to the variance (PyTorch's default).
  static let epsilon = Architecture.normalizationEpsilon

  /// Which passes over memory the neighbouring convolutions run.
  struct Delegation: OptionSet {
    let rawValue: Int
    /// The convolution before computes the moments, and dx from dz.
    static let toProducer = Delegation(rawValue: 1)
    /// The convolution behind computes the output, and dz with its sums.
    static let toReader = Delegation(rawValue: 2)
  }

  let name: String
  /// x, [N, H, W, C].
  let input: Place
  /// The shortcut's activations, same shape.
  let addend: ActivationSource?
  /// y, same shape; nil where all readers recompute it.
  let output: Place?
  let storage: Recomputation.Storage
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
  /// Whether the last forward pass took running statistics, the same for all images.
  private var isEvaluating = false

  init(
    name: String, input: Place, addend: ActivationSource?, output: Place?,
    storage: Recomputation.Storage, epilogue: BatchNormalization.Epilogue, scale: Range<Int>,
    shift: Range<Int>,
    statistics: RunningStatisticsSlot, outputGradient: Place?, inputGradient: GradientTarget?,
    addendGradient: GradientTarget?, delegation: Delegation,
    division: StatisticsDivision
  ) {
    self.name = name
    self.input = input
    self.addend = addend
    self.output = output
    self.storage = storage
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
  }

  /// One group's row of `saved`.
  private enum Row: Int {
    case mean, inverseDeviation, scale, shift, a, b, c
  }

  private func row(_ row: Row, ofGroup group: Int) -> UnsafeMutablePointer<Float> {
    saved.pointer + (7 * group + row.rawValue) * channels
  }

  /// The group, among this rank's, that all of `slices` belong to.
  private func group(of slices: ImageSlices, _ workspace: Workspace) -> Int {
    isEvaluating || groups == 1 ? 0 : workspace.group(ofLocalImage: slices.firstImage)
  }

  /// Images in one step of the passes that this layer runs itself.
  private var imagesPerBlock: Int { max(1, 48 * 1024 / input.shape.count) }

  /// A thread's scratch for the passes that this layer runs itself.
  private struct Scratch {
    let sums: UnsafeMutablePointer<Double>
    let activations: UnsafeMutablePointer<Float>
  }

  private var sumsCount: Int {
    CacheLine.whole(floats: 2 * BatchNormalization.scratchCount(channels: channels))
  }

  func scratch(images: Int, _ direction: PassDirection) -> PassScratch {
    let recomputes = direction == .backward && addend?.isRecomputed == true
    let images = recomputes ? min(images, imagesPerBlock) : 0
    return PassScratch(perThread: sumsCount + images * input.shape.count)
  }

  private func forEachPiece(
    _ workspace: Workspace, _ body: (_ piece: Workspace.Piece, _ scratch: Scratch) -> Void
  ) {
    workspace.forEachBlock(slicesPerBlock: imagesPerBlock, acrossShards: false) { block, base in
      let scratch = Scratch(
        sums: UnsafeMutableRawPointer(base).assumingMemoryBound(to: Double.self),
        activations: base + sumsCount)
      workspace.forEachPiece(of: block) { body($0, scratch) }
    }
  }

  // MARK: Passes over some images

  /// Adds the moments of a piece of a shard to the shard's.
  ///
  /// - Parameter fresh: the piece's input where it is still in a cache and not in its place, to which it
  ///   is brought past the caches.
  func addMoments(
    _ piece: Workspace.Piece, fresh: ImageTensor? = nil, _ workspace: Workspace,
    scratch: UnsafeMutablePointer<Double>
  ) {
    let place = workspace.tensor(input, piece.slices)
    BatchNormalization.addMoments(
      fresh ?? place, to: workspace.localStatistics.pointer + piece.shard * 2 * channels,
      rowsBefore: piece.slicesBefore * input.shape.area / piece.slices.perImage,
      streamedTo: fresh == nil ? nil : place.base, scratch: scratch)
  }

  /// Writes the output of `slices`.
  func apply(
    _ slices: ImageSlices, _ workspace: Workspace, _ direction: PassDirection,
    into output: ImageTensor
  ) {
    let group = group(of: slices, workspace)
    BatchNormalization.apply(
      workspace.tensor(input, slices), scale: row(.scale, ofGroup: group),
      shift: row(.shift, ofGroup: group),
      addend: addend.map {
        UnsafePointer($0.values(slices, workspace, direction, scratch: output).base)
      },
      epilogue: epilogue, output: output)
  }

  /// Masks a piece's output gradient and adds its sums to the shard's.
  func addBackwardSums(
    _ piece: Workspace.Piece, switches: BatchNormalization.Switches, _ workspace: Workspace,
    scratch: UnsafeMutablePointer<Double>
  ) {
    guard let outputGradient else { return }
    BatchNormalization.addBackwardSums(
      outputGradient: workspace.tensor(outputGradient, piece.slices), switches: switches,
      input: workspace.tensor(input, piece.slices),
      mean: row(.mean, ofGroup: group(of: piece.slices, workspace)), epilogue: epilogue,
      to: workspace.localStatistics.pointer + piece.shard * 2 * channels,
      isFirst: piece.isFirst, scratch: scratch)
  }

  /// Writes or adds the input's gradient of `slices` from the masked output gradient.
  func backwardData(
    _ slices: ImageSlices, _ workspace: Workspace, into inputGradient: ImageTensor,
    accumulate: Bool
  ) {
    guard let outputGradient else { return }
    let group = group(of: slices, workspace)
    BatchNormalization.backwardData(
      maskedGradient: workspace.tensor(outputGradient, slices),
      input: workspace.tensor(input, slices), mean: row(.mean, ofGroup: group),
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
    let gamma = workspace.parameters + scale.lowerBound
    let beta = workspace.parameters + shift.lowerBound
    for group in 0..<(isEvaluating ? 1 : workspace.division.localGroups.count) {
      let (scale, shift) = (row(.scale, ofGroup: group), row(.shift, ofGroup: group))
      let mean = row(.mean, ofGroup: group)
      let inverseDeviation = row(.inverseDeviation, ofGroup: group)
      for channel in 0..<channels {
        scale[channel] = gamma[channel] * inverseDeviation[channel]
        shift[channel] = beta[channel] - mean[channel] * scale[channel]
      }
    }
    if !delegation.contains(.toReader), let output {
      forEachPiece(workspace) { piece, _ in
        apply(piece.slices, workspace, .forward, into: workspace.tensor(output, piece.slices))
      }
    }
  }

  private func takeRunningStatistics(_ workspace: Workspace) {
    let statistics = workspace.runningStatistics
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
      forEachPiece(workspace) { addMoments($0, workspace, scratch: $1.sums) }
    }
    try workspace.combineStatistics(.moments(area: input.shape.area), width: width)
    let count = Double(workspace.division.layout.capacity / groups * input.shape.area)
    for group in 0..<workspace.division.localGroups.count {
      let moments = workspace.groupStatistics.pointer + group * width
      let (mean, inverseDeviation) = (
        row(.mean, ofGroup: group), row(.inverseDeviation, ofGroup: group)
      )
      for channel in 0..<channels {
        mean[channel] = Float(moments[channel])
        inverseDeviation[channel] = Float(
          1 / (moments[channels + channel] / count + Self.epsilon).squareRoot())
      }
      if let totals = workspace.normalizationTotals.statistics(ofGroup: group) {
        for channel in 0..<channels {
          totals[runningMean.lowerBound + channel] = moments[channel]
          // As in PyTorch, the running variance is the unbiased one.
          totals[runningVariance.lowerBound + channel] =
            moments[channels + channel] / max(count - 1, 1)
        }
      }
    }
  }

  /// What the ReLU let through: by the output if it is stored still, else by what makes it.
  private func switches(
    _ slices: ImageSlices, _ workspace: Workspace, _ scratch: Scratch
  ) -> BatchNormalization.Switches {
    if let output, storage.serves(.backward) {
      return .output(workspace.tensor(output, slices).base)
    }
    let group = group(of: slices, workspace)
    let values = ImageTensor(
      base: scratch.activations, images: slices.range.count, shape: input.shape)
    return .input(
      scale: row(.scale, ofGroup: group), shift: row(.shift, ofGroup: group),
      addend: addend.map {
        UnsafePointer($0.values(slices, workspace, .backward, scratch: values).base)
      })
  }

  func backward(_ workspace: Workspace) throws {
    guard outputGradient != nil else { return }
    let width = 2 * channels
    if !delegation.contains(.toReader) {
      forEachPiece(workspace) { piece, scratch in
        addBackwardSums(
          piece, switches: switches(piece.slices, workspace, scratch), workspace,
          scratch: scratch.sums)
      }
    }
    try workspace.combineStatistics(.sums, width: width)
    let count = Double(workspace.division.layout.capacity / groups * input.shape.area)
    let gamma = workspace.parameters + scale.lowerBound
    let normalization = workspace.parameterLayout.normalization
    for group in 0..<workspace.division.localGroups.count {
      let sums = workspace.groupStatistics.pointer + group * width
      let inverseDeviation = row(.inverseDeviation, ofGroup: group)
      let (a, b, c) = (
        row(.a, ofGroup: group), row(.b, ofGroup: group), row(.c, ofGroup: group)
      )
      let totals = workspace.normalizationTotals.gradients(ofGroup: group)
        .map { $0 - normalization.lowerBound }
      for channel in 0..<channels {
        let deviation = Double(inverseDeviation[channel])
        let shiftGradient = sums[channel]
        let scaleGradient = sums[channels + channel] * deviation
        totals?[shift.lowerBound + channel] = shiftGradient
        totals?[scale.lowerBound + channel] = scaleGradient
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
          piece.slices, workspace,
          into: workspace.tensor(inputGradient.place, piece.slices),
          accumulate: inputGradient.accumulate)
      }
      if let addendGradient, let outputGradient {
        addendGradient.take(
          workspace.tensor(outputGradient, piece.slices),
          workspace.tensor(addendGradient.place, piece.slices))
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
