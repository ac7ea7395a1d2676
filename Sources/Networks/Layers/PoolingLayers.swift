/// Max pooling and average pooling in a plan.

import Kernels
import Tensors

final class MaxPoolingLayer: PlannedLayer {
  let name: String
  let geometry: ConvolutionGeometry
  let source: ActivationSource
  let output: Place
  let outputGradient: Place?
  let inputGradient: GradientTarget?
  /// [N, H_out, W_out, C] of this rank's images; empty where no backward pass follows.
  private let winners: AlignedBuffer<UInt8>

  init(
    name: String, geometry: ConvolutionGeometry, source: ActivationSource, output: Place,
    outputGradient: Place?, inputGradient: GradientTarget?, images: Int
  ) {
    self.name = name
    self.geometry = geometry
    self.source = source
    self.output = output
    self.outputGradient = outputGradient
    self.inputGradient = inputGradient
    winners = AlignedBuffer(count: outputGradient == nil ? 0 : images * geometry.output.count)
  }

  func scratch(images: Int, _ direction: PassDirection) -> PassScratch {
    PassScratch(
      perThread: direction == .forward && source.isRecomputed ? geometry.input.count : 0)
  }

  func forward(_ workspace: Workspace, mode: PassMode) {
    workspace.forEachBlock(slicesPerBlock: 1, acrossShards: false) { block, scratch in
      let image = block.slices
      MaxPooling.forward(
        geometry,
        input: source.values(
          image, workspace, .forward,
          scratch: ImageTensor(base: scratch, images: 1, shape: geometry.input)),
        output: workspace.tensor(output, image),
        winners: outputGradient == nil
          ? nil : winners.pointer + image.firstImage * geometry.output.count)
    }
  }

  func backward(_ workspace: Workspace) {
    guard let outputGradient, let inputGradient else { return }
    workspace.forEachShard { shard, _ in
      let first = workspace.layout.localImages(ofLocalShard: shard).lowerBound
      MaxPooling.backward(
        geometry, outputGradient: workspace.tensor(outputGradient, shard: shard),
        winners: winners.pointer + first * geometry.output.count,
        inputGradient: workspace.tensor(inputGradient.place, shard: shard),
        accumulate: inputGradient.accumulate)
    }
  }
}

struct GlobalAveragePoolingLayer: PlannedLayer {
  let name: String
  /// [N, H, W, C].
  let input: Place
  /// [N, 1, 1, C].
  let output: Place
  let outputGradient: Place?
  let inputGradient: GradientTarget?

  func forward(_ workspace: Workspace, mode: PassMode) {
    workspace.forEachShard { shard, _ in
      GlobalAveragePooling.forward(
        workspace.tensor(input, shard: shard), output: workspace.tensor(output, shard: shard))
    }
  }

  func backward(_ workspace: Workspace) {
    guard let outputGradient, let inputGradient else { return }
    workspace.forEachShard { shard, _ in
      GlobalAveragePooling.backward(
        outputGradient: workspace.tensor(outputGradient, shard: shard),
        inputGradient: workspace.tensor(inputGradient.place, shard: shard),
        accumulate: inputGradient.accumulate)
    }
  }
}

/// Average pooling at every position, in plans without a backward pass.
struct AveragePoolingLayer: PlannedLayer {
  let name: String
  let geometry: ConvolutionGeometry
  /// [N, H, W, C].
  let input: Place
  /// [N, H_out, W_out, C].
  let output: Place

  func forward(_ workspace: Workspace, mode: PassMode) {
    workspace.forEachShard { shard, _ in
      AveragePooling.forward(
        geometry, input: workspace.tensor(input, shard: shard),
        output: workspace.tensor(output, shard: shard))
    }
  }

  func backward(_ workspace: Workspace) {
    preconditionFailure("a fully convolutional form is for evaluation only")
  }
}
