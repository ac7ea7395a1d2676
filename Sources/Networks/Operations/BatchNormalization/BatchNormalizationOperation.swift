/// Batch normalization (Ioffe & Szegedy 2015) of each channel over the images of a BN group.

import Kernels
import ONNX
import Tensors

package struct BatchNormalizationOperation: Operation {
  /// Added to the variance; PyTorch's default.
  package static let epsilon = 1e-5

  package func outputShape(of inputs: [ImageShape]) -> ImageShape? { inputs[0] }

  package func parameters(of inputs: [ImageShape]) -> [ParameterDescription] {
    let channels = inputs[0].channels
    return [
      .init("weight", .normalizationScale, shape: [channels], initialization: .constant(1)),
      .init("bias", .normalizationShift, shape: [channels], initialization: .constant(0)),
    ]
  }

  package func runningStatistics(of inputs: [ImageShape]) -> Int { inputs[0].channels }

  /// An addend, which fusing makes the second input, is read block by block.
  package func access(toInput position: Int) -> InputAccess { position == 0 ? .memory : .blocks }

  /// The mask of a fused ReLU is taken from the output, or from what makes it.
  package func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] { [.input(0)] }

  package func layer(_ step: LoweredStep) -> any PlannedLayer { step.normalization }

  package func onnx(_ node: ONNXOperands) -> ONNXOperators {
    ONNXOperators([
      .init(
        "BatchNormalization", name: node.output,
        inputs: node.inputs
          + ["weight", "bias", "running_mean", "running_var"].map(node.tensor),
        attributes: [("epsilon", .float(Float(Self.epsilon)))])
    ])
  }
}
