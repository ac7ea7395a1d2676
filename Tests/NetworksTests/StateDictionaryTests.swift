/// Networks as named tensors.

import Networks
import TestSupport
import Testing

@Suite struct StateDictionaryTests {
  private func replica(seed: UInt64 = 1) throws -> Replica {
    let replica = try Replica(alone: .small(.b), batch: 4, shards: 2, seed: seed)
    _ = try replica.train(Batch(of: .small(.b), count: 4, seed: seed))
    replica.applyGradients(
      learningRate: 0.1, momentum: 0.9, weightDecay: 0, normalizationWeightDecay: 0)
    return replica
  }

  private func everything(_ replica: Replica) -> [[UInt32]] {
    [bits(replica.parameters), bits(replica.runningStatistics), bits(replica.velocities)]
  }

  @Test("a state written and read is the same, and in any order")
  func roundTrip() throws {
    let source = try replica(seed: 1)
    let target = try replica(seed: 2)
    try target.load(stateDictionary: source.stateDictionary().reversed())
    try target.load(velocityDictionary: source.velocityDictionary().shuffled())
    let same = everything(target) == everything(source)
    #expect(same)
    #expect(target.stateDictionary() == source.stateDictionary())
  }

  @Test("names are torchvision's, sorted, and shapes are PyTorch's")
  func names() throws {
    let state = try replica().stateDictionary()
    let names = state.map(\.name)
    #expect(names == names.sorted())
    let shapes = Dictionary(uniqueKeysWithValues: state.map { ($0.name, $0.shape) })
    #expect(shapes["conv1.weight"] == [16, 3, 3, 3])
    #expect(shapes["layer2.0.conv1.weight"] == [32, 16, 3, 3])
    #expect(shapes["layer2.0.downsample.0.weight"] == [32, 16, 1, 1])
    #expect(shapes["layer2.0.downsample.1.running_var"] == [32])
    #expect(shapes["bn1.running_mean"] == [16] && shapes["bn1.weight"] == [16])
    #expect(shapes["fc.weight"] == [10, 64] && shapes["fc.bias"] == [10])
    #expect(state.allSatisfy { $0.values.count == $0.shape.reduce(1, *) })
  }

  @Test("weights in files are [K, C, R, S] of [R, S, C, K] in memory")
  func order() throws {
    let replica = try replica()
    let slot = replica.parameterLayout.slots.first { $0.name == "layer2.0.conv1.weight" }!
    let tensor = replica.stateDictionary().first { $0.name == slot.name }!
    let memory = Array(replica.parameters[slot.range])
    #expect(filtersFromOIHW(tensor.values, shape: tensor.shape) == memory)
  }

  @Test("gradients and velocities have the parameters' names and shapes")
  func twins() throws {
    let replica = try replica()
    let parameters = replica.stateDictionary().filter { !$0.name.contains("running_") }
    for twin in [replica.gradientDictionary(), replica.velocityDictionary()] {
      #expect(twin.map(\.name) == parameters.map(\.name))
      #expect(twin.map(\.shape) == parameters.map(\.shape))
    }
    // After one step from rest the velocity is the gradient.
    #expect(replica.gradientDictionary() == replica.velocityDictionary())
  }

  @Test("a state that does not fit is refused with its reason, and nothing changes")
  func refused() throws {
    let replica = try replica(seed: 1)
    let good = try self.replica(seed: 2).stateDictionary()
    let before = everything(replica)
    func expect(_ error: StateDictionaryError, _ tensors: [StateTensor]) {
      #expect(throws: error) { try replica.load(stateDictionary: tensors) }
      let same = everything(replica) == before
      #expect(same)
    }
    func changed(_ name: String, _ change: (StateTensor) -> StateTensor) -> [StateTensor] {
      good.map { $0.name == name ? change($0) : $0 }
    }
    let model = "resnet8"
    expect(
      .missing(names: ["fc.bias"], model: model), good.filter { $0.name != "fc.bias" })
    expect(
      .missing(names: ["bn1.running_mean", "bn1.running_var"], model: model),
      good.filter { !$0.name.hasPrefix("bn1.running") })
    expect(.missing(names: good.map(\.name), model: model), [])
    let extra = StateTensor(name: "fc2.bias", shape: [1], values: [0])
    expect(.unexpected(names: ["fc2.bias"], model: model), good + [extra])
    expect(
      .shape(name: "fc.bias", found: [2, 5], expected: [10], model: model),
      changed("fc.bias") { StateTensor(name: $0.name, shape: [2, 5], values: $0.values) })
    // The last tensor by name, so that all others are already known to be good.
    expect(
      .shape(
        name: "layer3.0.downsample.1.weight", found: [3], expected: [64], model: model),
      changed("layer3.0.downsample.1.weight") {
        StateTensor(name: $0.name, shape: [3], values: [1, 2, 3])
      })
    for bad: Float in [.nan, .infinity, -.infinity] {
      for name in ["conv1.weight", "layer3.0.downsample.1.running_var"] {
        expect(
          .notFinite(name: name),
          changed(name) {
            var values = $0.values
            values[values.count - 1] = bad
            return StateTensor(name: name, shape: $0.shape, values: values)
          })
      }
    }
  }

  @Test("a velocity that does not fit is refused and nothing changes")
  func refusedVelocity() throws {
    let replica = try replica()
    let before = everything(replica)
    #expect(throws: StateDictionaryError.self) {
      try replica.load(velocityDictionary: replica.stateDictionary())
    }
    #expect(throws: StateDictionaryError.missing(names: ["fc.bias"], model: "resnet8")) {
      try replica.load(
        velocityDictionary: replica.velocityDictionary().filter { $0.name != "fc.bias" })
    }
    let same = everything(replica) == before
    #expect(same)
  }

  @Test("a tensor cannot hold fewer values than its shape says")
  func tensorShape() async {
    await #expect(processExitsWith: .failure) {
      _ = StateTensor(name: "fc.bias", shape: [10], values: [1, 2, 3])
    }
  }

  @Test("errors say what differs and what to do")
  func messages() {
    let missing = StateDictionaryError.missing(names: ["a", "b", "c", "d", "e"], model: "resnet20")
    #expect(missing.description.contains("a, b, c and 2 more missing"))
    #expect(missing.description.contains("--shortcut"))
    let shape = StateDictionaryError.shape(
      name: "fc.bias", found: [100], expected: [10], model: "resnet20")
    #expect(shape.description.contains("fc.bias has shape [100], expected [10]"))
  }
}
