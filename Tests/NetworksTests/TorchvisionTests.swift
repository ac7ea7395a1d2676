/// Agreement with torchvision's own networks: `Oracles/networks/make_torchvision_fixtures.py`.

import Foundation
import Networks
import Safetensors
import System
import Tensors
import TestSupport
import Testing

@Suite struct TorchvisionTests {
  /// What torchvision says of a network.
  private struct Description: Decodable {
    let tensors: Int
    let stateSHA256: String
    let parameters: Int
    let gigaops: Double

    enum CodingKeys: String, CodingKey {
      case tensors, parameters, gigaops
      case stateSHA256 = "state_sha256"
    }
  }

  private static func descriptions() throws -> [String: Description] {
    let path = Bundle.module.resourcePath! + "/Fixtures/torchvision.json"
    return try JSONDecoder().decode(
      [String: Description].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }

  @Test("every ResNet and ResNeXt of torchvision has its names, shapes and costs here")
  func descriptions() throws {
    let descriptions = try Self.descriptions()
    #expect(descriptions.count == 8)
    for (name, expected) in descriptions {
      let architecture = try network(name)
      let shapes = ParameterLayout(architecture).stateShapes
      #expect(shapes.count == expected.tensors, "\(name)")
      let lines = shapes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }.joined()
      let digest = SHA256.hexadecimal(of: lines.utf8)
      #expect(digest == expected.stateSHA256, "\(name):\n\(lines)")
      #expect(architecture.parameterCount == expected.parameters, "\(name)")
      let published = abs(Double(architecture.multiplyAdds) / 1e9 - expected.gigaops)
      #expect(published <= 0.00051, "\(name)")
    }
  }

  @Test(
    "logits of torchvision's networks are torchvision's",
    arguments: ["resnet18", "resnet50", "resnext50_32x4d"])
  func logits(name: String) throws {
    let input = ImageShape(height: 64, width: 80, channels: 3)
    let architecture = try ModelCatalog.architecture(named: name, classes: 1000, input: input)
    let layout = try ShardLayout(batch: 2, shards: 1)
    let replica = Replica(
      architecture.classifier, evaluation: layout, exchange: SingleRankExchange())
    try replica.load(
      stateDictionary: ParameterLayout(architecture).stateShapes.map { name, shape in
        StateTensor(name: name, shape: shape, values: fixtureStateTensor(name, shape: shape))
      })
    let shape = [2, 3, input.height, input.width]
    let images = fixtureUniform("input", count: shape.reduce(1, *))
    let batch = Batch(
      shape: input, images: imagesFromNCHW(images, shape: shape), labels: [0, 0])
    let file = try NetworkFixture.open("torchvision")
    let expected = try file.float32("logits.\(name)", shape: [2, 1000])
    #expect(normwiseError(try replica.evaluate(batch).logits, expected) <= 1e-4)
  }
}
