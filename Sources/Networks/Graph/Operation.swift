/// What a node of a network computes: everything the project knows of one kind of layer.

import Kernels
import ONNX
import Tensors

/// One kind of layer, with its hyper-parameters.
///
/// An operation is one file (or one folder, where its layer is long): its shape rule, cost, parameters,
/// what its backward pass reads, the layer that runs it, and its ONNX operators. docs/how-to/add-a-layer.md
/// walks through one.
package protocol Operation: Equatable, Sendable {
  /// The output's shape for inputs of these shapes.
  ///
  /// - Returns: nil where the operation cannot be applied to them.
  func outputShape(of inputs: [ImageShape]) -> ImageShape?

  /// Multiply-adds of convolutions and matrix products for one image, forward, in direct form.
  func multiplyAdds(of inputs: [ImageShape]) -> Int

  /// The trainable parameters, in the order of memory.
  func parameters(of inputs: [ImageShape]) -> [ParameterDescription]

  /// Channels with running statistics, a mean and a variance each.
  func runningStatistics(of inputs: [ImageShape]) -> Int

  /// As in the papers' tables (`3×3, 64, stride 2`); nil for what has no row of its own there.
  func summary(of inputs: [ImageShape]) -> String?

  /// What the rows of the output are, for inputs of these rows.
  func outputRows(of inputs: [RowCount]) -> RowCount

  /// The element type of the output, for inputs of these types.
  ///
  /// - Parameter activations: of the values between layers.
  func outputElement(of inputs: [ElementType], activations: ElementType) -> ElementType

  /// How the layer reads its input at `position`.
  func access(toInput position: Int) -> InputAccess

  /// The operands whose values the backward pass reads from memory or computes again.
  ///
  /// - Parameters:
  ///   - trainsParameters: whether it makes gradients of parameters.
  ///   - propagates: whether it makes gradients of inputs.
  func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand]

  /// Whether gradients go through it; proposals, for one, are constants to what reads them.
  var isDifferentiable: Bool { get }

  /// The operation at every position of a larger image (He et al. 2015, §3.4): itself, but for
  /// poolings over whole images.
  func fullyConvolutional(of inputs: [ImageShape]) -> any Operation

  /// The layer that runs a step of a plan.
  func layer(_ step: LoweredStep) -> any PlannedLayer

  /// The ONNX operators that compute it.
  ///
  /// - Throws: `ONNXExportError` where there are none.
  func onnx(_ node: ONNXOperands) throws(ONNXExportError) -> ONNXOperators
}

/// How a layer reads an input.
package enum InputAccess {
  /// Whole, from memory.
  case memory
  /// Block by block through an `ActivationSource`, so that the values may be computed again instead of
  /// being stored.
  case blocks
}

/// A value that an operation reads or writes.
package enum Operand: Hashable {
  case input(Int)
  case output
}

/// The rows of a value.
package enum RowCount: Hashable, Sendable {
  /// One for each image.
  case images
  /// As many as the data of each shard decide, at most `perImage` times its images, such as regions of
  /// interest. All values with the same `set` have the same rows.
  case dynamic(set: Int, perImage: Int)

  /// The most rows of an image.
  package var perImage: Int {
    switch self {
    case .images: 1
    case .dynamic(_, let perImage): perImage
    }
  }
}

extension Operation {
  /// Whether it is the same operation with the same hyper-parameters.
  package func isEqual(to other: any Operation) -> Bool { other as? Self == self }

  package func multiplyAdds(of inputs: [ImageShape]) -> Int { 0 }
  package func parameters(of inputs: [ImageShape]) -> [ParameterDescription] { [] }
  package func runningStatistics(of inputs: [ImageShape]) -> Int { 0 }
  package func summary(of inputs: [ImageShape]) -> String? { nil }
  package func outputRows(of inputs: [RowCount]) -> RowCount { inputs[0] }
  package func outputElement(
    of inputs: [ElementType], activations: ElementType
  ) -> ElementType { inputs[0] }
  package func access(toInput position: Int) -> InputAccess { .memory }
  package var isDifferentiable: Bool { true }
  package func fullyConvolutional(of inputs: [ImageShape]) -> any Operation { self }
}

/// The names and shapes of a node's operands in an ONNX graph.
package struct ONNXOperands {
  /// The node's name, and so its parameters' prefix.
  package let name: String
  package let inputs: [String]
  package let inputShapes: [ImageShape]
  package let output: String
  package let outputShape: ImageShape

  package init(
    name: String, inputs: [String], inputShapes: [ImageShape], output: String,
    outputShape: ImageShape
  ) {
    self.name = name
    self.inputs = inputs
    self.inputShapes = inputShapes
    self.output = output
    self.outputShape = outputShape
  }

  /// The name of one of the node's tensors.
  package func tensor(_ suffix: String) -> String { "\(name).\(suffix)" }
}

/// The operators of one node, the last of which writes the node's output.
package struct ONNXOperators {
  package var nodes: [ONNXModel.Node]
  /// Operands beside the parameters.
  package var constants: [ONNXModel.Tensor] = []

  package init(_ nodes: [ONNXModel.Node], constants: [ONNXModel.Tensor] = []) {
    self.nodes = nodes
    self.constants = constants
  }
}

/// A network has no ONNX form.
package struct ONNXExportError: Error, Equatable, CustomStringConvertible {
  package let node: String
  package let reason: String

  package init(node: String, reason: String) { (self.node, self.reason) = (node, reason) }

  package var description: String { "layer \(node) has no ONNX form: \(reason)" }
}
