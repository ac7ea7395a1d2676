/// The bias of a convolution that no normalization follows.

import Kernels
import ONNX
import Tensors

/// y = x + b, with one b for each channel.
///
/// Its node has the convolution's name, under which files have `weight` and `bias`.
package struct ChannelBiasOperation: Operation {
  package init() {}

  package func outputShape(of inputs: [ImageShape]) -> ImageShape? { inputs[0] }

  package func parameters(of inputs: [ImageShape]) -> [ParameterDescription] {
    [.init("bias", .bias, shape: [inputs[0].channels], initialization: .constant(0))]
  }

  package func outputElement(
    of inputs: [ElementType], activations: ElementType
  ) -> ElementType { .float32 }

  package func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] { [] }

  package func layer(_ step: LoweredStep) -> any PlannedLayer {
    ChannelBiasLayer(
      name: step.name, source: step.source(0), output: step.output, bias: step.parameter("bias"),
      trains: step.trainsParameters, outputGradient: step.outputGradient,
      inputGradient: step.inputGradient(0))
  }

  package func onnx(_ node: ONNXOperands) throws(ONNXExportError) -> ONNXOperators {
    throw ONNXExportError(node: node.name, reason: "only classifiers are exported")
  }
}

private struct ChannelBiasLayer: PlannedLayer {
  let name: String
  /// [N, H, W, C].
  let source: ActivationSource
  let output: TensorSlot
  /// [C].
  let bias: Range<Int>
  let trains: Bool
  let outputGradient: TensorSlot?
  let inputGradient: GradientTarget?

  var weightRange: Range<Int>? { trains ? bias : nil }

  func scratch(_ direction: PassDirection) -> PassScratch {
    PassScratch(shardGradient: direction == .backward ? weightRange?.count ?? 0 : 0)
  }

  func forward(_ pass: PassContext) {
    pass.forEachShard { shard, _ in
      ChannelBias.forward(
        source.stored(pass, shard: shard), bias: pass.parameters + bias.lowerBound,
        output: pass.tensor(output, shard: shard))
    }
  }

  func backward(_ pass: PassContext) {
    guard let outputGradient else { return }
    pass.forEachShard { shard, _ in
      let gradient = pass.tensor(outputGradient, shard: shard)
      if let weightRange {
        ChannelBias.backwardBias(
          outputGradient: gradient, biasGradient: pass.shardGradient(weightRange, shard: shard))
        pass.didAddShardGradient(weightRange, shard: shard)
      }
      if let inputGradient {
        Elementwise.take(
          gradient, pass.tensor(inputGradient.slot, shard: shard),
          accumulate: inputGradient.accumulate)
      }
    }
    if let weightRange { pass.combineShardGradients(weightRange) }
  }
}
