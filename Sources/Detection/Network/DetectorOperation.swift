/// What the operations of detectors have in common.

import Networks

/// An operation that ONNX files have no place for.
protocol DetectorOperation: Operation {}

extension DetectorOperation {
  package func onnx(_ node: ONNXOperands) throws(ONNXExportError) -> ONNXOperators {
    throw ONNXExportError(node: node.name, reason: "only classifiers are exported")
  }
}
