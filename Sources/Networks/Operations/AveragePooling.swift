/// The mean over a window with stride 1, in fully convolutional forms; for evaluation only.

import Kernels
import Tensors

package struct AveragePoolingOperation: Operation {
  package let height: Int
  package let width: Int

  private func geometry(_ input: ImageShape) -> ConvolutionGeometry? {
    ConvolutionGeometry(
      input: input, kernelHeight: height, kernelWidth: width, outputChannels: input.channels,
      stride: 1, padding: 0)
  }

  package func outputShape(of inputs: [ImageShape]) -> ImageShape? { geometry(inputs[0])?.output }

  package func summary(of inputs: [ImageShape]) -> String? { "\(height)×\(width) average pooling" }

  package func outputElement(
    of inputs: [ElementType], activations: ElementType
  ) -> ElementType { .float32 }

  package func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] { [] }

  package func layer(_ step: LoweredStep) -> any PlannedLayer {
    AveragePoolingLayer(
      name: step.name, geometry: geometry(step.inputShapes[0])!, source: step.source(0),
      output: step.output)
  }

  package func onnx(_ node: ONNXOperands) throws(ONNXExportError) -> ONNXOperators {
    throw ONNXExportError(node: node.name, reason: "fully convolutional forms are for evaluation")
  }
}

private struct AveragePoolingLayer: PlannedLayer {
  let name: String
  let geometry: ConvolutionGeometry
  /// [N, H, W, C].
  let source: ActivationSource
  /// [N, H_out, W_out, C].
  let output: TensorSlot

  func forward(_ pass: PassContext) {
    pass.forEachShard { shard, _ in
      AveragePooling.forward(
        geometry, input: source.stored(pass, shard: shard),
        output: pass.tensor(output, shard: shard))
    }
  }

  func backward(_ pass: PassContext) {
    preconditionFailure("a fully convolutional form is for evaluation only")
  }
}
