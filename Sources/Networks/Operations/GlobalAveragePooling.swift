/// The mean of each channel over an image.

import Kernels
import ONNX
import Tensors

package struct GlobalAveragePoolingOperation: Operation {
  package func outputShape(of inputs: [ImageShape]) -> ImageShape? {
    ImageShape(height: 1, width: 1, channels: inputs[0].channels)
  }

  package func summary(of inputs: [ImageShape]) -> String? { "average pooling" }

  package func outputElement(
    of inputs: [ElementType], activations: ElementType
  ) -> ElementType { .float32 }

  package func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] { [] }

  /// A pooling with stride 1 over a window of the size of the image that this one sees.
  package func fullyConvolutional(of inputs: [ImageShape]) -> any Operation {
    AveragePoolingOperation(height: inputs[0].height, width: inputs[0].width)
  }

  package func layer(_ step: LoweredStep) -> any PlannedLayer {
    GlobalAveragePoolingLayer(
      name: step.name, source: step.source(0), output: step.output,
      outputGradient: step.outputGradient, inputGradient: step.inputGradient(0))
  }

  package func onnx(_ node: ONNXOperands) -> ONNXOperators {
    ONNXOperators([
      .init("GlobalAveragePool", name: "\(node.output).mean", inputs: node.inputs),
      .init(
        "Flatten", name: node.output, inputs: ["\(node.output).mean"],
        attributes: [("axis", .integer(1))]),
    ])
  }
}

private struct GlobalAveragePoolingLayer: PlannedLayer {
  let name: String
  /// [N, H, W, C].
  let source: ActivationSource
  /// [N, 1, 1, C].
  let output: TensorSlot
  let outputGradient: TensorSlot?
  let inputGradient: GradientTarget?

  func forward(_ pass: PassContext) {
    pass.forEachShard { shard, _ in
      GlobalAveragePooling.forward(
        source.stored(pass, shard: shard), output: pass.tensor(output, shard: shard))
    }
  }

  func backward(_ pass: PassContext) {
    guard let outputGradient, let inputGradient else { return }
    pass.forEachShard { shard, _ in
      GlobalAveragePooling.backward(
        outputGradient: pass.tensor(outputGradient, shard: shard),
        inputGradient: pass.tensor(inputGradient.slot, shard: shard),
        accumulate: inputGradient.accumulate)
    }
  }
}
