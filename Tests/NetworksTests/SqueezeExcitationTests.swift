/// Squeeze-and-excitation: timm's names, parameters and logits, and gradients by finite differences.

import Foundation
import Networks
import System
import Tensors
import TestSupport
import Testing

@Suite struct SqueezeExcitationTests {
  private struct Description: Decodable {
    let parameters: Int
    let tensors: Int
    let stateSHA256: String

    enum CodingKeys: String, CodingKey {
      case parameters, tensors
      case stateSHA256 = "state_sha256"
    }
  }

  @Test("networks have timm's tensors, by name and shape", arguments: ModelCatalog.squeezingModels)
  func tensors(name: String) throws {
    let path = Bundle.module.resourcePath! + "/Fixtures/timm.json"
    let all = try JSONDecoder().decode(
      [String: Description].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    let expected = try #require(all[name])
    let architecture = try ModelCatalog.architecture(named: name, classes: 1000)
    #expect(architecture.parameterCount == expected.parameters)
    let shapes = ParameterLayout(architecture).stateShapes
    #expect(shapes.count == expected.tensors)
    let lines = shapes.sorted { Array($0.key.utf8).lexicographicallyPrecedes(Array($1.key.utf8)) }
      .map { "\($0.key) [\($0.value.map { "\($0)" }.joined(separator: ", "))]\n" }.joined()
    #expect(SHA256.hexadecimal(of: lines.utf8) == expected.stateSHA256)
  }

  @Test("logits are timm's", arguments: ModelCatalog.squeezingModels)
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
    let expected = try NetworkFixture.open("timm").float32("logits.\(name)", shape: [2, 1000])
    #expect(normwiseError(try replica.evaluate(batch).logits, expected) <= 1e-4)
  }

  /// A block with a projection and one without.
  private static let architecture: Architecture = {
    var builder = ArchitectureBuilder(input: ImageShape(height: 6, width: 5, channels: 2))
    var value = builder.convolution("stem", builder.input, channels: 16, kernel: 3)
    value = builder.relu(builder.batchNormalization("bn", value))
    for block in ["a", "b"] {
      var shortcut = value
      if block == "a" {
        shortcut = builder.batchNormalization(
          "a.downsample.1",
          builder.convolution("a.downsample.0", shortcut, channels: 16, kernel: 1))
      }
      value = builder.convolution("\(block).conv", value, channels: 16, kernel: 3)
      value = builder.batchNormalization("\(block).bn", value)
      value = builder.append("\(block).se", SqueezeExcitationOperation(hidden: 4), value)
      value = builder.relu(builder.add(value, shortcut))
    }
    value = builder.globalAveragePooling("pool", value)
    _ = builder.fullyConnected("fc", value, outputs: 3)
    return builder.architecture(name: "se", summary: "")
  }()

  @Test(
    "gradients are the central differences in Float64, on threads too", arguments: [true, false],
    [1, 2])
  func gradients(fuse: Bool, threads: Int) throws {
    let architecture = Self.architecture
    let batch = Batch(of: architecture, count: 5, seed: 1)
    let replica = try TrainingReplica(
      alone: architecture, batch: 5, shards: 3, threads: threads, fuse: fuse)
    let parameters = replica.parameters.map { Double($0) }
    replica.gradients.update(repeating: .nan)
    _ = try replica.train(batch)
    var data = TestData(seed: 2)
    let indices = replica.parameterLayout.slots.flatMap { slot in
      (0..<3).map { _ in data.integer(in: slot.range.lowerBound...slot.range.upperBound - 1) }
    }
    let expected = centralDifferences(at: parameters, step: 1e-6, indices: indices) {
      architecture.referenceLoss(parameters: $0, batch: batch)
    }
    let scale = expected.map { abs($0) }.max()!
    let error = relativeError(indices.map { replica.gradients[$0] }, expected, scale: scale)
    #expect(error < 1e-5, "\(data)")
  }

  @Test("the residual branches' last normalizations are found before the excitation")
  func zeroInitialization() throws {
    let network = try network("seresnet50")
    #expect(network.residualNormalizations.count == 16)
    #expect(network.residualNormalizations.allSatisfy { $0.hasSuffix(".bn3") })
  }
}
