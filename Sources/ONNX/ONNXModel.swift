/// A network in the Open Neural Network Exchange format: the messages of `onnx.proto` that a
/// convolutional network needs (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).

import Protobuf

/// A model with one graph; operators are of the default domain.
public struct ONNXModel: Sendable {
  /// A constant tensor, row-major.
  public struct Tensor: Sendable {
    public enum Values: Sendable {
      case floats([Float])
      case integers([Int64])
    }

    public let name: String
    public let shape: [Int]
    public let values: Values

    public init(name: String, shape: [Int], values: Values) {
      self.name = name
      self.shape = shape
      self.values = values
    }
  }

  /// A value that goes into the graph or comes out of it.
  public struct Port: Sendable {
    public enum Dimension: Sendable {
      case fixed(Int)
      /// Free; equal names are equal sizes.
      case free(String)
    }

    public let name: String
    public let shape: [Dimension]

    public init(name: String, shape: [Dimension]) {
      self.name = name
      self.shape = shape
    }
  }

  /// An operator's application; its one output carries the node's name.
  public struct Node: Sendable {
    public enum Attribute: Sendable {
      case integer(Int)
      case integers([Int])
      case float(Float)
    }

    public let name: String
    public let type: String
    public let inputs: [String]
    public let attributes: [(name: String, value: Attribute)]

    public init(
      _ type: String, name: String, inputs: [String],
      attributes: [(name: String, value: Attribute)] = []
    ) {
      self.name = name
      self.type = type
      self.inputs = inputs
      self.attributes = attributes
    }
  }

  /// The version of the operators.
  public static let operatorSet = 17
  /// The version of the format that goes with it.
  public static let formatVersion = 8

  public var name: String
  public var summary: String
  public var nodes: [Node]
  public var constants: [Tensor]
  public var inputs: [Port]
  public var outputs: [Port]
  /// Texts for whoever uses the model.
  public var metadata: [(key: String, value: String)]

  public init(
    name: String, summary: String, nodes: [Node], constants: [Tensor], inputs: [Port],
    outputs: [Port], metadata: [(key: String, value: String)]
  ) {
    self.name = name
    self.summary = summary
    self.nodes = nodes
    self.constants = constants
    self.inputs = inputs
    self.outputs = outputs
    self.metadata = metadata
  }

  /// The file's bytes.
  public func bytes() -> [UInt8] {
    var model = ProtobufWriter()
    model.integer(1, Int64(Self.formatVersion))
    model.string(2, "resnet-dist")
    model.message(7, write(graph:))
    model.message(8) {
      $0.string(1, "")
      $0.integer(2, Int64(Self.operatorSet))
    }
    for (key, value) in metadata {
      model.message(14) {
        $0.string(1, key)
        $0.string(2, value)
      }
    }
    return model.bytes
  }

  private func write(graph: inout ProtobufWriter) {
    for node in nodes { graph.message(1, node.write) }
    graph.string(2, name)
    for constant in constants { graph.message(5, constant.write) }
    graph.string(10, summary)
    for port in inputs { graph.message(11, port.write) }
    for port in outputs { graph.message(12, port.write) }
  }
}

/// `TensorProto.DataType`.
private enum ElementType: Int64 {
  case float = 1
  case int64 = 7
}

extension ONNXModel.Tensor {
  fileprivate func write(to message: inout ProtobufWriter) {
    for size in shape { message.integer(1, Int64(size)) }
    let type: ElementType
    let bytes: [UInt8]
    switch values {
    case .floats(let values):
      type = .float
      bytes = values.withUnsafeBytes { Array($0) }
    case .integers(let values):
      type = .int64
      bytes = values.withUnsafeBytes { Array($0) }
    }
    message.integer(2, type.rawValue)
    message.string(8, name)
    message.data(9, bytes)
  }
}

extension ONNXModel.Port {
  fileprivate func write(to message: inout ProtobufWriter) {
    message.string(1, name)
    message.message(2) { type in
      type.message(1) { tensor in
        tensor.integer(1, ElementType.float.rawValue)
        tensor.message(2) { shape in
          for dimension in self.shape {
            shape.message(1) {
              switch dimension {
              case .fixed(let size): $0.integer(1, Int64(size))
              case .free(let name): $0.string(2, name)
              }
            }
          }
        }
      }
    }
  }
}

extension ONNXModel.Node {
  fileprivate func write(to message: inout ProtobufWriter) {
    for input in inputs { message.string(1, input) }
    message.string(2, name)
    message.string(3, name)
    message.string(4, type)
    for (name, value) in attributes {
      message.message(5) { attribute in
        attribute.string(1, name)
        switch value {
        case .float(let value):
          attribute.float(2, value)
          attribute.integer(20, 1)
        case .integer(let value):
          attribute.integer(3, Int64(value))
          attribute.integer(20, 2)
        case .integers(let values):
          for value in values { attribute.integer(8, Int64(value)) }
          attribute.integer(20, 7)
        }
      }
    }
  }
}

#if !_endian(little)
  #error("raw_data is little-endian, and so are the values that are written as they are")
#endif
