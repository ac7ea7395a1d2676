/// What the operations of detectors have in common.

import Networks
import Tensors

/// An operation that ONNX files have no place for.
protocol DetectorOperation: Operation {}

extension DetectorOperation {
  package func onnx(_ node: ONNXOperands) throws(ONNXExportError) -> ONNXOperators {
    throw ONNXExportError(node: node.name, reason: "only classifiers are exported")
  }
}

/// An operation whose output is regions, rows of `SampledRegion`: constants, to which no gradient goes.
protocol RegionOperation: DetectorOperation {}

extension RegionOperation {
  package func outputShape(of inputs: [ImageShape]) -> ImageShape? { SampledRegion.shape }

  package func outputElement(
    of inputs: [ElementType], activations: ElementType
  ) -> ElementType { .float32 }

  package var isDifferentiable: Bool { false }

  package func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] { [] }
}
