/// Batch normalization synchronized over the whole mini-batch, with its fused epilogue.

import Kernels
import Tensors

/// BN over the shards of each BN group, whichever ranks hold them. docs/batch-normalization.md derives
/// the backward pass.
///
/// Each shard gives (mean, M2) per channel, and the exchange merges them to the groups'; backward
/// likewise with (Σdz, Σdz·(x − μ)). What is over all groups, γ's and β's gradients and the running
/// statistics, goes to `NormalizationSums`.
package final class BatchNormalizationLayer: PlannedLayer {
  /// Which passes over memory the neighbouring convolutions run.
  struct Delegation: OptionSet {
    let rawValue: Int
    /// The convolution before computes the moments, and dx from dz.
    static let toProducer = Delegation(rawValue: 1)
    /// The convolution after it computes the output, and dz with its sums.
    static let toReader = Delegation(rawValue: 2)
  }

  /// What a plan decides of the layer.
  struct Description {
    let name: String
    /// x, [N, H, W, C].
    let input: TensorSlot
    /// The shortcut's activations, same shape.
    let addend: ActivationSource?
    /// y, same shape; nil where all readers recompute it.
    let output: TensorSlot?
    let storage: ValueStorage
    let epilogue: BatchNormalization.Epilogue
    let scale: Range<Int>
    let shift: Range<Int>
    let statistics: RunningStatisticsSlot
    /// Whether training takes the mini-batch's statistics and makes gradients of γ and β; a frozen
    /// normalization uses its running statistics in training too.
    let trains: Bool
    let outputGradient: TensorSlot?
    /// Nil where the convolution before makes it.
    let inputGradient: GradientTarget?
    /// Nil where the addend's gradient takes over the output gradient's memory.
    let addendGradient: GradientTarget?
    let delegation: Delegation
    /// Images or rows, at most.
    let images: Int
  }

  private let description: Description
  private let channels: Int
  private let groupCount: Int
  /// Of each of this rank's groups, [groups, 7, C]: μ and σ⁻¹ of the last forward pass, scale and
  /// shift of `apply`, a, b and c of `backwardData`.
  private let saved: AlignedBuffer<Float>

  init(_ description: Description, _ groups: NormalizationGroups) {
    self.description = description
    channels = description.input.shape.channels
    groupCount = groups.groups.count
    saved = AlignedBuffer(count: 7 * channels * groups.localGroups.count)
  }

  package var name: String { description.name }
  var input: TensorSlot { description.input }
  private var addend: ActivationSource? { description.addend }
  var output: TensorSlot? { description.output }
  var storage: ValueStorage { description.storage }
  private var epilogue: BatchNormalization.Epilogue { description.epilogue }
  var outputGradient: TensorSlot? { description.outputGradient }
  private var inputGradient: GradientTarget? { description.inputGradient }
  private var addendGradient: GradientTarget? { description.addendGradient }
  private var delegation: Delegation { description.delegation }

  /// Whether a pass normalizes by the mini-batch's statistics rather than by running statistics.
  func takesBatchStatistics(_ mode: PassMode) -> Bool { mode == .training && description.trains }

  /// One group's row of `saved`.
  private enum Row: Int {
    case mean, inverseDeviation, scale, shift, a, b, c
  }

  private func row(_ row: Row, ofGroup group: Int) -> UnsafeMutablePointer<Float> {
    saved.pointer + (7 * group + row.rawValue) * channels
  }

  /// The group, among this rank's, that all of `slices` belong to.
  private func group(of slices: ImageSlices, _ pass: PassContext) -> Int {
    groupCount > 1 && takesBatchStatistics(pass.mode)
      ? pass.workspace.group(ofLocalImage: slices.firstImage) : 0
  }

  /// Images in one step of the passes that this layer runs itself.
  private var imagesPerBlock: Int {
    max(1, ReproducibleBlocking.activations(input.element) / input.shape.count)
  }

  /// A thread's scratch for the passes that this layer runs itself.
  private struct Scratch {
    let sums: UnsafeMutablePointer<Double>
    let activations: UnsafeMutablePointer<Float>
  }

  private var sumsCount: Int {
    CacheLine.whole(floats: 2 * BatchNormalization.scratchCount(channels: channels))
  }

  package func scratch(_ direction: PassDirection) -> PassScratch {
    let recomputes = direction == .backward && addend?.needsScratch(input.element) == true
    let images = recomputes ? min(description.images, imagesPerBlock) : 0
    return PassScratch(perThread: sumsCount + input.element.floats(images * input.shape.count))
  }

  private func forEachPiece(
    _ pass: PassContext, _ body: (_ piece: PassContext.Piece, _ scratch: Scratch) -> Void
  ) {
    pass.forEachBlock(of: input, slicesPerBlock: imagesPerBlock, acrossShards: false) {
      block, base in
      let scratch = Scratch(
        sums: UnsafeMutableRawPointer(base).assumingMemoryBound(to: Double.self),
        activations: base + sumsCount)
      pass.forEachPiece(of: block) { body($0, scratch) }
    }
  }

  // MARK: Passes over some images

  /// Adds the moments of a piece of a shard to the shard's.
  ///
  /// - Parameter fresh: the piece's input where it is still in a cache and not yet in its slot, to which it
  ///   is written past the caches.
  func addMoments(
    _ piece: PassContext.Piece, fresh: ImageTensor? = nil, _ pass: PassContext,
    scratch: UnsafeMutablePointer<Double>
  ) {
    let stored = pass.tensor(input, piece.slices)
    BatchNormalization.addMoments(
      fresh ?? stored, to: pass.workspace.localStatistics.pointer + piece.shard * 2 * channels,
      rowsBefore: piece.slicesBefore * input.shape.area / piece.slices.perImage,
      streamedTo: fresh == nil ? nil : stored, scratch: scratch)
  }

  /// Writes the output of `slices`.
  func apply(
    _ slices: ImageSlices, _ pass: PassContext, _ direction: PassDirection,
    into output: ImageTensor
  ) {
    let group = group(of: slices, pass)
    BatchNormalization.apply(
      pass.tensor(input, slices), scale: row(.scale, ofGroup: group),
      shift: row(.shift, ofGroup: group),
      addend: addend.map { $0.values(slices, pass, direction, scratch: output) },
      epilogue: epilogue, output: output)
  }

  /// Masks a piece's output gradient and adds its sums to the shard's.
  func addBackwardSums(
    _ piece: PassContext.Piece, switches: BatchNormalization.Switches, _ pass: PassContext,
    scratch: UnsafeMutablePointer<Double>
  ) {
    guard let outputGradient else { return }
    BatchNormalization.addBackwardSums(
      outputGradient: pass.tensor(outputGradient, piece.slices), switches: switches,
      input: pass.tensor(input, piece.slices),
      mean: row(.mean, ofGroup: group(of: piece.slices, pass)), epilogue: epilogue,
      to: pass.workspace.localStatistics.pointer + piece.shard * 2 * channels,
      isFirst: piece.isFirst, scratch: scratch)
  }

  /// Writes or adds the input's gradient of `slices` from the masked output gradient.
  func backwardData(
    _ slices: ImageSlices, _ pass: PassContext, into inputGradient: ImageTensor,
    accumulate: Bool
  ) {
    guard let outputGradient else { return }
    let group = group(of: slices, pass)
    BatchNormalization.backwardData(
      maskedGradient: pass.tensor(outputGradient, slices),
      input: pass.tensor(input, slices), mean: row(.mean, ofGroup: group),
      a: row(.a, ofGroup: group), b: row(.b, ofGroup: group), c: row(.c, ofGroup: group),
      inputGradient: inputGradient, accumulate: accumulate)
  }

  // MARK: Whole passes

  package func forward(_ pass: PassContext) throws {
    let batch = takesBatchStatistics(pass.mode)
    if batch { try takeBatchStatistics(pass) } else { takeRunningStatistics(pass) }
    let gamma = pass.parameters + description.scale.lowerBound
    let beta = pass.parameters + description.shift.lowerBound
    for group in 0..<(batch ? pass.workspace.groups.localGroups.count : 1) {
      let (scale, shift) = (row(.scale, ofGroup: group), row(.shift, ofGroup: group))
      let mean = row(.mean, ofGroup: group)
      let inverseDeviation = row(.inverseDeviation, ofGroup: group)
      for channel in 0..<channels {
        scale[channel] = gamma[channel] * inverseDeviation[channel]
        shift[channel] = beta[channel] - mean[channel] * scale[channel]
      }
    }
    if !delegation.contains(.toReader), let output {
      forEachPiece(pass) { piece, _ in
        apply(piece.slices, pass, .forward, into: pass.tensor(output, piece.slices))
      }
    }
  }

  private func takeRunningStatistics(_ pass: PassContext) {
    let statistics = pass.workspace.runningStatistics
    let (mean, inverseDeviation) = (
      row(.mean, ofGroup: 0), row(.inverseDeviation, ofGroup: 0)
    )
    for channel in 0..<channels {
      mean[channel] = statistics[description.statistics.mean.lowerBound + channel]
      let variance = Double(statistics[description.statistics.variance.lowerBound + channel])
      inverseDeviation[channel] = Float(
        1 / (variance + BatchNormalizationOperation.epsilon).squareRoot())
    }
  }

  private func takeBatchStatistics(_ pass: PassContext) throws {
    let width = 2 * channels
    if !delegation.contains(.toProducer) {
      forEachPiece(pass) { addMoments($0, pass, scratch: $1.sums) }
    }
    try pass.workspace.combineStatistics(.moments(area: input.shape.area), width: width)
    let count = Double(pass.layout.capacity / groupCount * input.shape.area)
    for group in 0..<pass.workspace.groups.localGroups.count {
      let moments = pass.workspace.groupStatistics.pointer + group * width
      let (mean, inverseDeviation) = (
        row(.mean, ofGroup: group), row(.inverseDeviation, ofGroup: group)
      )
      for channel in 0..<channels {
        mean[channel] = Float(moments[channel])
        inverseDeviation[channel] = Float(
          1
            / (moments[channels + channel] / count + BatchNormalizationOperation.epsilon)
            .squareRoot())
      }
      if let sums = pass.workspace.normalizationSums.statistics(ofGroup: group) {
        for channel in 0..<channels {
          sums[description.statistics.mean.lowerBound + channel] = moments[channel]
          // As in PyTorch, the running variance is the unbiased one.
          sums[description.statistics.variance.lowerBound + channel] =
            moments[channels + channel] / max(count - 1, 1)
        }
      }
    }
  }

  /// What the ReLU let through: by the output if it is stored still, else by what makes it.
  private func switches(
    _ slices: ImageSlices, _ pass: PassContext, _ scratch: Scratch
  ) -> BatchNormalization.Switches {
    if let output, storage.serves(.backward) {
      return .output(pass.tensor(output, slices))
    }
    let group = group(of: slices, pass)
    let values = ImageTensor(
      memory: scratch.activations, images: slices.range.count, shape: input.shape,
      element: input.element)
    return .input(
      scale: row(.scale, ofGroup: group), shift: row(.shift, ofGroup: group),
      addend: addend.map { $0.values(slices, pass, .backward, scratch: values) })
  }

  package func backward(_ pass: PassContext) throws {
    guard outputGradient != nil else { return }
    if !delegation.contains(.toReader) {
      forEachPiece(pass) { piece, scratch in
        addBackwardSums(
          piece, switches: switches(piece.slices, pass, scratch), pass,
          scratch: scratch.sums)
      }
    }
    if takesBatchStatistics(pass.mode) {
      try takeBatchGradients(pass)
    } else {
      takeRunningStatisticsGradients()
    }
    if inputGradient == nil && addendGradient == nil { return }
    forEachPiece(pass) { piece, _ in
      if let inputGradient {
        backwardData(
          piece.slices, pass, into: pass.tensor(inputGradient.slot, piece.slices),
          accumulate: inputGradient.accumulate)
      }
      if let addendGradient, let outputGradient {
        addendGradient.take(
          pass.tensor(outputGradient, piece.slices),
          pass.tensor(addendGradient.slot, piece.slices))
      }
    }
  }

  /// γ's and β's gradients, and the coefficients of dx = a·dz + b·(x − μ) + c.
  private func takeBatchGradients(_ pass: PassContext) throws {
    let width = 2 * channels
    try pass.workspace.combineStatistics(.sums, width: width)
    let count = Double(pass.layout.capacity / groupCount * input.shape.area)
    let gamma = pass.parameters + description.scale.lowerBound
    let normalization = pass.workspace.parameterLayout.normalization
    for group in 0..<pass.workspace.groups.localGroups.count {
      let sums = pass.workspace.groupStatistics.pointer + group * width
      let inverseDeviation = row(.inverseDeviation, ofGroup: group)
      let (a, b, c) = (
        row(.a, ofGroup: group), row(.b, ofGroup: group), row(.c, ofGroup: group)
      )
      let gradients = pass.workspace.normalizationSums.gradients(ofGroup: group)
        .map { $0 - normalization.lowerBound }
      for channel in 0..<channels {
        let deviation = Double(inverseDeviation[channel])
        let shiftGradient = sums[channel]
        let scaleGradient = sums[channels + channel] * deviation
        gradients?[description.shift.lowerBound + channel] = shiftGradient
        gradients?[description.scale.lowerBound + channel] = scaleGradient
        let factor = Double(gamma[channel]) * deviation
        a[channel] = Float(factor)
        b[channel] = Float(-factor * deviation * scaleGradient / count)
        c[channel] = Float(-factor * shiftGradient / count)
      }
    }
  }

  /// The coefficients where mean and variance are constants: dx = γ·σ⁻¹·dz.
  private func takeRunningStatisticsGradients() {
    row(.a, ofGroup: 0).update(from: row(.scale, ofGroup: 0), count: channels)
    row(.b, ofGroup: 0).update(repeating: 0, count: channels)
    row(.c, ofGroup: 0).update(repeating: 0, count: channels)
  }
}

extension GradientTarget {
  /// Copies or adds `source` to `target`, which is this target's shard.
  func take(_ source: ImageTensor, _ target: ImageTensor) {
    if accumulate {
      Elementwise.add(target, source, output: target)
    } else {
      Elementwise.copy(source, to: target)
    }
  }
}
