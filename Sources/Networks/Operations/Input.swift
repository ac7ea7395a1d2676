/// The network's input: the images of a mini-batch.

import Tensors

package struct InputOperation: Operation {
  package func outputShape(of inputs: [ImageShape]) -> ImageShape? { nil }

  package func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] { [] }

  package func layer(_ step: LoweredStep) -> any PlannedLayer {
    preconditionFailure("the input is no step of a plan")
  }

  package func onnx(_ node: ONNXOperands) -> ONNXOperators { ONNXOperators([]) }
}
