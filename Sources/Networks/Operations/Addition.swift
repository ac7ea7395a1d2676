/// The addition of a shortcut, where no normalization takes it in.

import Kernels
import ONNX
import Tensors

package struct AdditionOperation: Operation {
  package func outputShape(of inputs: [ImageShape]) -> ImageShape? {
    inputs[0] == inputs[1] ? inputs[0] : nil
  }

  package func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] { [] }

  package func layer(_ step: LoweredStep) -> any PlannedLayer {
    AdditionLayer(
      name: step.name, first: step.source(0), second: step.source(1), output: step.output,
      outputGradient: step.outputGradient,
      inputGradients: [step.inputGradient(0), step.inputGradient(1)].compactMap(\.self))
  }

  package func onnx(_ node: ONNXOperands) -> ONNXOperators {
    ONNXOperators([.init("Add", name: node.output, inputs: node.inputs)])
  }
}

private struct AdditionLayer: PlannedLayer {
  let name: String
  let first: ActivationSource
  let second: ActivationSource
  let output: TensorSlot
  let outputGradient: TensorSlot?
  let inputGradients: [GradientTarget]

  func forward(_ pass: PassContext) {
    pass.forEachShard { shard, _ in
      Elementwise.add(
        first.stored(pass, shard: shard), second.stored(pass, shard: shard),
        output: pass.tensor(output, shard: shard))
    }
  }

  func backward(_ pass: PassContext) {
    guard let outputGradient else { return }
    pass.forEachShard { shard, _ in
      let gradient = pass.tensor(outputGradient, shard: shard)
      for target in inputGradients {
        target.take(gradient, pass.tensor(target.slot, shard: shard))
      }
    }
  }
}
