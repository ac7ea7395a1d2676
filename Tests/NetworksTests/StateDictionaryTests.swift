/// Networks as named tensors.

import Networks
import Optimizers
import TestSupport
import Testing

@Suite struct StateDictionaryTests {
  private func replica(seed: UInt64 = 1) throws -> TrainingReplica {
    let replica = try TrainingReplica(alone: .small(.b), batch: 4, shards: 2, seed: seed)
    _ = try replica.train(Batch(of: .small(.b), count: 4, seed: seed))
    Optimizer(SGD(momentum: 0, weightDecay: 0, normalizationWeightDecay: 0), of: replica)
      .step(learningRate: 0.1)
    return replica
  }

  private func everything(_ replica: TrainingReplica) -> [[UInt32]] {
    [bits(replica.parameters), bits(replica.runningStatistics)]
  }

  @Test("a state written and read is the same, and in any order")
  func roundTrip() throws {
    let source = try replica(seed: 1)
    let target = try replica(seed: 2)
    try target.load(stateDictionary: source.stateDictionary().shuffled())
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

  @Test("gradients have the parameters' names and shapes")
  func gradients() throws {
    let replica = try replica()
    let parameters = replica.stateDictionary().filter { !$0.name.contains("running_") }
    let gradients = replica.gradientDictionary()
    #expect(gradients.map(\.name) == parameters.map(\.name))
    #expect(gradients.map(\.shape) == parameters.map(\.shape))
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
    func expectMismatch(
      _ tensors: [StateTensor], missing: [String] = [], unexpected: [String] = [],
      misshaped: [String] = []
    ) {
      let error = #expect(throws: StateDictionaryError.self) {
        try replica.load(stateDictionary: tensors)
      }
      guard case .mismatch(let mismatch) = error else {
        Issue.record("no mismatch but \(String(describing: error))")
        return
      }
      #expect(mismatch.missing.map(\.name) == missing)
      #expect(mismatch.unexpected.map(\.name) == unexpected)
      #expect(mismatch.misshaped.map(\.name) == misshaped)
      let same = everything(replica) == before
      #expect(same)
    }
    expectMismatch(good.filter { $0.name != "fc.bias" }, missing: ["fc.bias"])
    expectMismatch(
      good.filter { !$0.name.hasPrefix("bn1.running") },
      missing: ["bn1.running_mean", "bn1.running_var"])
    expectMismatch([], missing: good.map(\.name))
    let extra = StateTensor(name: "fc2.bias", shape: [1], values: [0])
    expectMismatch(good + [extra], unexpected: ["fc2.bias"])
    expectMismatch(
      changed("fc.bias") { StateTensor(name: $0.name, shape: [2, 5], values: $0.values) },
      misshaped: ["fc.bias"])
    expectMismatch(
      changed("layer3.0.downsample.1.weight") {
        StateTensor(name: $0.name, shape: [3], values: [1, 2, 3])
      }.filter { $0.name != "conv1.weight" } + [extra],
      missing: ["conv1.weight"], unexpected: ["fc2.bias"],
      misshaped: ["layer3.0.downsample.1.weight"])
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

  @Test("a tensor cannot hold fewer values than its shape says")
  func tensorShape() async {
    await #expect(processExitsWith: .failure) {
      _ = StateTensor(name: "fc.bias", shape: [10], values: [1, 2, 3])
    }
  }

  @Test("errors say what differs, with shapes, and what the weights look like")
  func messages() throws {
    let replica = try TrainingReplica(alone: .small(.b), batch: 4)
    func message(_ architecture: Architecture) throws -> String {
      let other = try TrainingReplica(alone: architecture, batch: 4)
      let error = #expect(throws: StateDictionaryError.self) {
        try replica.load(stateDictionary: other.stateDictionary())
      }
      return "\(error, default: "no error")"
    }
    let deeper = try message(.cifar(14, .b))
    for part in [
      "not of resnet8", "unexpected layer1.1.bn1.bias [16], ", "and 27 more",
      "--model resnet14 --shortcut B with 10 classes",
    ] { #expect(deeper.contains(part), "no '\(part)' in \(deeper)") }
    let classes = try message(.cifar(8, .b, classes: 100))
    for part in [
      "of other shapes fc.bias [100], expected [10], fc.weight [100, 64], expected [10, 64].",
      "--model resnet8 --shortcut B with 100 classes",
    ] { #expect(classes.contains(part), "no '\(part)' in \(classes)") }
    let identity = try message(.cifar(8))
    for part in [
      "missing layer2.0.downsample.0.weight [32, 16, 1, 1], layer2.0.downsample.1.bias [32]",
      "--model resnet8 with 10 classes",
    ] { #expect(identity.contains(part), "no '\(part)' in \(identity)") }
  }

  @Test("a network is recognized by the names and shapes of its tensors")
  func recognition() throws {
    for (name, shortcut) in [
      ("resnet20", nil), ("resnet110", Shortcut.b), ("resnet18", nil), ("resnet34", .a),
      ("resnet50", nil), ("resnet101", .c), ("resnext50_32x4d", nil), ("resnext29_8x64d", nil),
      ("resnext50_1x128d", nil), ("seresnet18", nil), ("seresnet50", nil),
      ("seresnext50_32x4d", nil),
    ] {
      var shapes = ParameterLayout(try network(name, shortcut, classes: 7)).stateShapes
      let recognized = try #require(RecognizedModel(shapes: shapes))
      #expect(recognized.name == name && recognized.shortcut == shortcut)
      #expect(recognized.classes == 7)
      shapes["layer1.0.bn1.weight"]![0] += 1
      #expect(RecognizedModel(shapes: shapes) == nil)
    }
    #expect(RecognizedModel(shapes: [:]) == nil)
    #expect(RecognizedModel(shapes: ["conv1.weight": [1], "fc.bias": []]) == nil)
  }
}
