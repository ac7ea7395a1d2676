/// The fully convolutional form of a classifier, applied to images of any size (He et al. 2015, §3.4;
/// Sermanet et al. 2014; Simonyan & Zisserman 2015, §3.2).

import Kernels
import Tensors

/// Why a network cannot be applied densely to an image.
package enum FullyConvolutionalError: Error, Equatable, CustomStringConvertible {
  case noGlobalPooling(name: String)
  case imageTooSmall(name: String, input: ImageShape, map: ImageShape, window: ImageShape)

  package var description: String {
    switch self {
    case .noGlobalPooling(let name):
      "'\(name)' does not end in global average pooling and a fully connected layer, so it has no "
        + "fully convolutional form: leave out --dense"
    case .imageTooSmall(let name, let input, let map, let window):
      "'\(name)' makes a \(map.height)×\(map.width) map of a \(input.height)×\(input.width) image and "
        + "pools \(window.height)×\(window.width) of it: use larger --scales"
    }
  }
}

extension Architecture {
  /// This network applied at every position of an image: its global average pooling becomes a pooling
  /// with stride 1 over a window as large as the map that it was, 7×7 in the papers' networks, and its
  /// fully connected layer a 1×1 convolution.
  ///
  /// It has the same parameters under the same names, and its scores are [H′, W′, classes]. On images
  /// of the network's own size H′ = W′ = 1 and the scores are the network's. For evaluation only.
  /// - Parameter input: as many channels as this network's.
  package func fullyConvolutional(
    input: ImageShape
  ) throws(FullyConvolutionalError) -> Architecture {
    guard scores.operation is FullyConnectedOperation,
      nodes[scores.inputs[0]].operation is GlobalAveragePoolingOperation
    else { throw .noGlobalPooling(name: name) }
    precondition(input.channels == self.input.channels, "images of the network's channels")
    var builder = ArchitectureBuilder(input: input, precision: precision)
    for node in nodes.dropFirst() {
      let operation = node.operation.fullyConvolutional(of: inputShapes(of: node))
      let inputs = node.inputs.map { builder.shape(of: $0) }
      if operation.outputShape(of: inputs) == nil {
        throw .imageTooSmall(
          name: name, input: input, map: inputs[0], window: inputShapes(of: node)[0])
      }
      _ = builder.append(node.name, operation, node.inputs)
    }
    return builder.architecture(
      name: name, summary: "\(summary), fully convolutional", stride: stride, outputs: outputs)
  }
}
