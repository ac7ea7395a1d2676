/// A convolution with square filters and without bias, perhaps in groups.

import Kernels
import ONNX
import Tensors

package struct ConvolutionOperation: Operation {
  /// Output channels K.
  package let channels: Int
  /// Rows and columns of a filter.
  package let kernel: Int
  package let stride: Int
  package let padding: Int
  package let groups: Int
  /// The standard deviation of the first weights; nil: He's (He et al. 2015, "Delving Deep into Rectifiers",
  /// eq. 10), √(2/n), n the inputs of one output.
  package let deviation: Double?

  package init(
    channels: Int, kernel: Int, stride: Int, padding: Int, groups: Int, deviation: Double? = nil
  ) {
    self.channels = channels
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
    self.groups = groups
    self.deviation = deviation
  }

  /// The sizes for an input of that shape; nil where the window does not fit it or the groups do not
  /// divide its channels.
  package func geometry(_ input: ImageShape) -> ConvolutionGeometry? {
    ConvolutionGeometry(
      input: input, kernelHeight: kernel, kernelWidth: kernel, outputChannels: channels,
      stride: stride, padding: padding, groups: groups)
  }

  package func outputShape(of inputs: [ImageShape]) -> ImageShape? { geometry(inputs[0])?.output }

  package func multiplyAdds(of inputs: [ImageShape]) -> Int {
    geometry(inputs[0])!.multiplyAdds
  }

  package func parameters(of inputs: [ImageShape]) -> [ParameterDescription] {
    let geometry = geometry(inputs[0])!
    return [
      .init(
        "weight", .weight, shape: [channels, geometry.channelsPerGroup, kernel, kernel],
        initialization: .normal(
          variance: deviation.map { $0 * $0 } ?? 2 / Double(geometry.patchCount)))
    ]
  }

  package func summary(of inputs: [ImageShape]) -> String? {
    "\(kernel)×\(kernel), \(channels)" + (stride > 1 ? ", stride \(stride)" : "")
      + (groups > 1 ? ", \(groups) groups" : "")
  }

  package func outputElement(
    of inputs: [ElementType], activations: ElementType
  ) -> ElementType { activations }

  package func access(toInput position: Int) -> InputAccess { .blocks }

  package func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] {
    trainsParameters ? [.input(0)] : []
  }

  package func layer(_ step: LoweredStep) -> any PlannedLayer {
    ConvolutionLayer(
      name: step.name, geometry: geometry(step.inputShapes[0])!, products: step.products,
      source: step.source(0), output: step.output, weights: step.parameter("weight"),
      trains: step.trainsParameters, following: step.following, preceding: step.preceding,
      outputGradient: step.outputGradient,
      inputGradient: step.inputGradient(0), images: step.capacity)
  }

  package func onnx(_ node: ONNXOperands) -> ONNXOperators {
    ONNXOperators([
      .init(
        "Conv", name: node.output, inputs: node.inputs + [node.tensor("weight")],
        attributes: geometry(node.inputShapes[0])!.onnxWindow + [("group", .integer(groups))])
    ])
  }
}
