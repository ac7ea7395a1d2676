/// The rectifier max(0, x), where no normalization takes it in.

import Kernels
import ONNX
import Tensors

package struct ReLUOperation: Operation {
  package func outputShape(of inputs: [ImageShape]) -> ImageShape? { inputs[0] }

  package func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] {
    propagates ? [.output] : []
  }

  package func layer(_ step: LoweredStep) -> any PlannedLayer {
    ReLULayer(
      name: step.name, source: step.source(0), output: step.output,
      outputGradient: step.outputGradient, inputGradient: step.inputGradient(0))
  }

  package func onnx(_ node: ONNXOperands) -> ONNXOperators {
    ONNXOperators([.init("Relu", name: node.output, inputs: node.inputs)])
  }
}

private struct ReLULayer: PlannedLayer {
  let name: String
  let source: ActivationSource
  let output: TensorSlot
  let outputGradient: TensorSlot?
  let inputGradient: GradientTarget?

  func forward(_ pass: PassContext) {
    pass.forEachShard { shard, _ in
      Elementwise.relu(
        source.stored(pass, shard: shard), output: pass.tensor(output, shard: shard))
    }
  }

  func backward(_ pass: PassContext) {
    guard let outputGradient, let inputGradient else { return }
    pass.forEachShard { shard, _ in
      Elementwise.reluBackward(
        outputGradient: pass.tensor(outputGradient, shard: shard),
        output: pass.tensor(output, shard: shard),
        inputGradient: pass.tensor(inputGradient.slot, shard: shard),
        accumulate: inputGradient.accumulate)
    }
  }
}
