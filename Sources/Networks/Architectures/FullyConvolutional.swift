/// The fully convolutional form of a classifier, applied to images of any size (He et al. 2015, §3.4;
/// Sermanet et al. 2014; Simonyan & Zisserman 2015, §3.2).

import Kernels
import Tensors

/// Why a network cannot be applied densely to an image.
public enum FullyConvolutionalError: Error, Equatable, CustomStringConvertible {
  case noGlobalPooling(name: String)
  case imageTooSmall(name: String, input: ImageShape, map: ImageShape, window: ImageShape)

  public var description: String {
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
  public func fullyConvolutional(
    input: ImageShape
  ) throws(FullyConvolutionalError) -> Architecture {
    guard nodes.count >= 3, case .fullyConnected = nodes[nodes.count - 1].operation,
      nodes[nodes.count - 2].operation == .globalAveragePooling
    else { throw .noGlobalPooling(name: name) }
    precondition(input.channels == self.input.channels, "images of the network's channels")
    let window = nodes[nodes[nodes.count - 2].inputs[0]].shape
    var builder = ArchitectureBuilder(input: input)
    for node in nodes.dropFirst() {
      if node.operation == .globalAveragePooling {
        let map = builder.shape(of: node.inputs[0])
        guard map.height >= window.height, map.width >= window.width else {
          throw .imageTooSmall(name: name, input: input, map: map, window: window)
        }
      }
      builder.appendFullyConvolutional(node, window: window)
    }
    return builder.architecture(name: name, summary: "\(summary), fully convolutional")
  }
}

extension ArchitectureBuilder {
  /// Appends `node` of another network, whose inputs have the same indices here.
  fileprivate mutating func appendFullyConvolutional(
    _ node: Architecture.Node, window: ImageShape
  ) {
    let input = node.inputs[0]
    switch node.operation {
    case .input, .averagePooling: preconditionFailure("\(node.name) is no layer of a classifier")
    case .convolution(let geometry):
      _ = convolution(
        node.name, input, channels: geometry.output.channels, kernel: geometry.kernelHeight,
        stride: geometry.stride, padding: geometry.padding, groups: geometry.groups)
    case .batchNormalization: _ = batchNormalization(node.name, input)
    case .relu: _ = relu(input)
    case .add: _ = add(input, node.inputs[1])
    case .zeroPaddedShortcut(let stride):
      _ = zeroPaddedShortcut(node.name, input, channels: node.shape.channels, stride: stride)
    case .maxPooling(let geometry):
      _ = maxPooling(
        node.name, input, kernel: geometry.kernelHeight, stride: geometry.stride,
        padding: geometry.padding)
    case .globalAveragePooling: _ = averagePooling(node.name, input, window: window)
    case .fullyConnected(let outputs):
      _ = fullyConnected(node.name, input, outputs: outputs)
    }
  }
}
