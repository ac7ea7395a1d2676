/// LARS over a network's tensors against the paper's algorithm in Float64:
/// `Oracles/optimizers/make_fixtures.py`.

import Networks
import Safetensors
import Tensors
import TestSupport
import Testing

@Suite struct LARSTests {
  /// The fixture's network: two convolutions, a BN and a classifier.
  private static let architecture: Architecture = {
    var builder = ArchitectureBuilder(input: ImageShape(height: 4, width: 4, channels: 3))
    var value = builder.convolution("conv1", builder.input, channels: 5, kernel: 3)
    value = builder.batchNormalization("bn1", value)
    value = builder.convolution("conv2", value, channels: 20, kernel: 1)
    value = builder.globalAveragePooling("pool", value)
    _ = builder.fullyConnected("fc", value, outputs: 7)
    return builder.architecture(name: "fixture", summary: "")
  }()

  /// The tensors `prefix`NAME, of step `step` where there are six.
  private func tensors(
    _ file: SafetensorsFile, _ prefix: String, _ layout: ParameterLayout, step: Int? = nil
  ) throws -> [StateTensor] {
    try layout.slots.map { slot in
      let steps = step.map { _ in [6] } ?? []
      let values = try file.float32(prefix + slot.name, shape: steps + slot.fileShape)
      let count = slot.range.count
      return StateTensor(
        name: slot.name, shape: slot.fileShape,
        values: Array(values.dropFirst((step ?? 0) * count).prefix(count)))
    }
  }

  @Test(
    "six steps leave the paper's weights and velocities, at a constant rate and at one that changes",
    arguments: ["constant", "ramp"])
  func sixSteps(course: String) throws {
    let file = try NetworkFixture.open("lars")
    let replica = try Replica(alone: Self.architecture, batch: 1)
    let layout = replica.parameterLayout
    let statistics = replica.stateDictionary().filter { $0.name.contains("running_") }
    try replica.load(stateDictionary: tensors(file, "before.", layout) + statistics)
    // Brings gradients from the files' order into the memory's.
    let gradients = try Replica(alone: Self.architecture, batch: 1)
    for (step, rate) in try file.float32("rates.\(course)", shape: [6]).enumerated() {
      try gradients.load(
        velocityDictionary: tensors(file, "gradient.", layout, step: step))
      Optimizer.lars(trust: 0.125).step(
        layout, parameters: replica.parameters.baseAddress!,
        gradients: gradients.velocities.baseAddress!,
        normalizationGradients: gradients.velocities.baseAddress! + layout.normalization.lowerBound,
        velocity: replica.velocities.baseAddress!, learningRate: rate, momentum: 0.75,
        weightDecay: 0.0625, normalizationWeightDecay: 0.25)
    }
    let weights = replica.stateDictionary().filter { !$0.name.contains("running_") }
    for (prefix, found) in [("", weights), ("velocity.", replica.velocityDictionary())] {
      for tensor in found {
        let name = "\(course).\(prefix)\(tensor.name)"
        let expected = try file.float32(name, shape: tensor.shape)
        #expect(normwiseError(tensor.values, expected) < 1e-6, "\(name)")
      }
    }
  }
}
