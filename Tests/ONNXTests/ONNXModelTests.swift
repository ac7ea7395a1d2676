/// The bytes of ONNX models, read back by a parser of the wire format alone.

import ONNX
import TestSupport
import Testing

@Suite struct ONNXModelTests {
  private static let model = ONNXModel(
    name: "small", summary: "a test",
    nodes: [
      ONNXModel.Node(
        "Conv", name: "conv", inputs: ["input", "w"],
        attributes: [("strides", .integers([2, 300])), ("group", .integer(1))]),
      ONNXModel.Node(
        "BatchNormalization", name: "logits", inputs: ["conv"],
        attributes: [("epsilon", .float(1e-5))]),
    ],
    constants: [
      ONNXModel.Tensor(name: "w", shape: [1, 2], values: .floats([1, -2])),
      ONNXModel.Tensor(name: "ends", shape: [2], values: .integers([.max, -1])),
      ONNXModel.Tensor(
        name: "large", shape: [300], values: .floats(Array(repeating: 0.5, count: 300))),
    ],
    inputs: [ONNXModel.Port(name: "input", shape: [.free("batch"), .fixed(3)])],
    outputs: [ONNXModel.Port(name: "logits", shape: [.free("batch"), .fixed(1000)])],
    metadata: [("model", "small"), ("class_names", "[\"Bär\"]")])

  @Test("the model says its format, operators, producer and metadata")
  func header() throws {
    let model = try ProtobufMessage(Self.model.bytes())
    #expect(model.integers(1) == [8] && model.strings(2) == ["resnet-dist"])
    let sets = try model.messages(8)
    #expect(sets.map { $0.strings(1) } == [[""]] && sets.map { $0.integers(2) } == [[17]])
    let metadata = try model.messages(14)
    #expect(metadata.map { $0.strings(1) } == [["model"], ["class_names"]])
    #expect(metadata.map { $0.strings(2) } == [["small"], ["[\"Bär\"]"]])
    #expect(try model.messages(7).count == 1)
  }

  @Test("nodes have inputs, one output, an operator and typed attributes")
  func nodes() throws {
    let graph = try ProtobufMessage(Self.model.bytes()).messages(7)[0]
    #expect(graph.strings(2) == ["small"] && graph.strings(10) == ["a test"])
    let nodes = try graph.messages(1)
    #expect(nodes.map { $0.strings(1) } == [["input", "w"], ["conv"]])
    #expect(nodes.map { $0.strings(2) } == [["conv"], ["logits"]])
    #expect(nodes.map { $0.strings(4) } == [["Conv"], ["BatchNormalization"]])
    let attributes = try nodes.flatMap { try $0.messages(5) }
    #expect(attributes.map { $0.strings(1) } == [["strides"], ["group"], ["epsilon"]])
    // FLOAT 1, INT 2, INTS 7.
    #expect(attributes.map { $0.integers(20) } == [[7], [2], [1]])
    #expect(attributes[0].integers(8) == [2, 300] && attributes[1].integers(3) == [1])
    let epsilon = attributes[2].fields.first { $0.number == 2 }?.value
    #expect(epsilon == .fixed32(Float(1e-5).bitPattern))
  }

  @Test("constants hold little-endian values, ports their fixed and free sizes")
  func values() throws {
    let graph = try ProtobufMessage(Self.model.bytes()).messages(7)[0]
    let constants = try graph.messages(5)
    #expect(constants.map { $0.strings(8) } == [["w"], ["ends"], ["large"]])
    #expect(constants.map { $0.integers(1) } == [[1, 2], [2], [300]])
    #expect(constants.map { $0.integers(2) } == [[1], [7], [1]])
    #expect(constants[0].data(9) == [[0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0]])
    let ends: [UInt8] = Array(repeating: 0xFF, count: 7) + [0x7F] + Array(repeating: 0xFF, count: 8)
    #expect(constants[1].data(9) == [ends])
    #expect(constants[2].data(9).map(\.count) == [1200])
    for (port, size): (Int, Int64) in [(11, 3), (12, 1000)] {
      let tensor = try graph.messages(port)[0].messages(2)[0].messages(1)[0]
      #expect(tensor.integers(1) == [1])
      let sizes = try tensor.messages(2)[0].messages(1)
      #expect(sizes.map { $0.strings(2) } == [["batch"], []])
      #expect(sizes.map { $0.integers(1) } == [[], [size]])
    }
  }
}
