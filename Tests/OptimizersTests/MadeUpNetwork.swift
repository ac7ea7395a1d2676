/// A small network with gradients that are given, for tests of optimizers alone.

import Foundation
import Networks
import Safetensors
import Tensors
import TestSupport

/// Two convolutions, a BN and a classifier: the network of `lars.safetensors`.
let madeUpNetwork: Architecture = {
  var builder = ArchitectureBuilder(input: ImageShape(height: 4, width: 4, channels: 3))
  var value = builder.convolution("conv1", builder.input, channels: 5, kernel: 3)
  value = builder.batchNormalization("bn1", value)
  value = builder.convolution("conv2", value, channels: 20, kernel: 1)
  value = builder.globalAveragePooling("pool", value)
  _ = builder.fullyConnected("fc", value, outputs: 7)
  return builder.architecture(name: "made-up", summary: "")
}()

extension TrainingReplica {
  /// The made-up network on one rank, with the values of `seed`.
  static func madeUp(seed: UInt64 = 1) throws -> TrainingReplica {
    let layout = try ShardLayout(batch: 1, shards: 1)
    let replica = TrainingReplica(
      madeUpNetwork, training: layout, evaluation: layout, exchange: SingleRankExchange())
    replica.initialize(seed: seed)
    return replica
  }

  /// Sets the gradients from one tensor for each parameter.
  func setGradients(_ tensors: [StateTensor]) {
    let byName = Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0) })
    for slot in parameterLayout.slots {
      slot.copy(
        byName[slot.name]!, to: MutableVectorView(gradients)[slot.range])
    }
  }

  /// Normal numbers times `scale`.
  func setGradients(seed: UInt64, scale: Float = 1) {
    var data = TestData(seed: seed)
    for (index, value) in data.normal(count: gradients.count).enumerated() {
      gradients[index] = scale * Float(value)
    }
  }

  /// The parameters without the running statistics.
  var parameterDictionary: [StateTensor] {
    stateDictionary().filter { !$0.name.contains("running_") }
  }
}

func fixture(_ name: String) throws -> SafetensorsFile {
  try SafetensorsFile(contentsOf: Bundle.module.resourcePath! + "/Fixtures/\(name).safetensors")
}

extension SafetensorsFile {
  /// The tensors `prefix`NAME of a network's parameters, of step `step` where there are six.
  func tensors(
    _ prefix: String, _ layout: ParameterLayout, step: Int? = nil
  ) throws -> [StateTensor] {
    try layout.slots.map { slot in
      let steps = step.map { _ in [6] } ?? []
      let values = try float32(prefix + slot.name, shape: steps + slot.fileShape)
      let count = slot.range.count
      return StateTensor(
        name: slot.name, shape: slot.fileShape,
        values: Array(values.dropFirst((step ?? 0) * count).prefix(count)))
    }
  }
}
