/// An optimizer's steps over a replica's regions, and its state as named tensors.

import Networks
import Optimizers
import TestSupport
import Testing

@Suite struct OptimizerTests {
  private let sgd = SGD(momentum: 0.9, weightDecay: 0, normalizationWeightDecay: 0)

  /// A replica and its optimizer after `steps` steps.
  private func trained(
    seed: UInt64 = 1, steps: Int = 1
  ) throws -> (replica: TrainingReplica, optimizer: Optimizer) {
    let replica = try TrainingReplica.madeUp(seed: seed)
    let optimizer = Optimizer(sgd, of: replica)
    for step in 0..<steps {
      replica.setGradients(seed: seed + UInt64(step))
      optimizer.step(learningRate: 0.1)
    }
    return (replica, optimizer)
  }

  @Test("a new optimizer's state is 0, a number for each parameter")
  func start() throws {
    let (replica, optimizer) = try trained(steps: 0)
    #expect(optimizer.state.count == replica.parameterLayout.count)
    #expect(optimizer.state.elements.allSatisfy { $0 == 0 })
  }

  @Test("after one step from rest the velocity is the gradient, under the parameters' names")
  func firstStep() throws {
    let (replica, optimizer) = try trained()
    let state = optimizer.stateDictionary()
    #expect(state == replica.gradientDictionary())
    #expect(state.map(\.name) == replica.parameterDictionary.map(\.name))
    #expect(state.map(\.shape) == replica.parameterDictionary.map(\.shape))
  }

  @Test("weights and normalization are decayed by their own hyper-parameters")
  func decay() throws {
    let replica = try TrainingReplica.madeUp()
    replica.gradients.update(repeating: 0)
    replica.parameters.update(repeating: 1)
    Optimizer(SGD(momentum: 0, weightDecay: 0.5, normalizationWeightDecay: 0.25), of: replica)
      .step(learningRate: 0.5)
    for tensor in replica.parameterDictionary {
      let expected: Float = tensor.name.hasPrefix("bn1") ? 0.875 : 0.75
      #expect(tensor.values.allSatisfy { $0 == expected }, "\(tensor.name)")
    }
  }

  @Test("a run continued from parameters and state written and read has the same bits")
  func roundTrip() throws {
    let (source, first) = try trained(steps: 2)
    let (target, second) = try trained(seed: 7)
    try target.load(stateDictionary: source.stateDictionary())
    try second.load(stateDictionary: first.stateDictionary().shuffled())
    #expect(Array(second.state.elements) == Array(first.state.elements))
    for (replica, optimizer) in [(source, first), (target, second)] {
      replica.setGradients(seed: 9)
      optimizer.step(learningRate: 0.1)
    }
    #expect(Array(target.parameters) == Array(source.parameters))
  }

  @Test("a state that does not fit is refused with its reason, and nothing changes")
  func refused() throws {
    let (replica, optimizer) = try trained()
    let before = Array(optimizer.state.elements)
    let good = optimizer.stateDictionary()
    func changed(_ change: (StateTensor) -> StateTensor?) -> [StateTensor] {
      good.compactMap { $0.name == "fc.bias" ? change($0) : $0 }
    }
    for (tensors, reason) in [
      (replica.stateDictionary(), "unexpected bn1.running_mean [5]"),
      (changed { _ in nil }, "missing fc.bias [7]"),
      (
        changed { StateTensor(name: $0.name, shape: [1, 7], values: $0.values) },
        "of other shapes fc.bias [1, 7], expected [7]"
      ),
      (
        changed {
          StateTensor(name: $0.name, shape: $0.shape, values: $0.values.map { _ in .nan })
        }, "tensor fc.bias holds NaN"
      ),
    ] {
      let error = #expect(throws: StateDictionaryError.self) {
        try optimizer.load(stateDictionary: tensors)
      }
      #expect("\(error, default: "no error")".contains(reason))
      #expect(Array(optimizer.state.elements) == before)
    }
  }

  @Test("the summary names the rule and its hyper-parameters")
  func summary() {
    #expect(
      SGD(momentum: 0.9, weightDecay: 1e-4, normalizationWeightDecay: 1e-4).summary
        == "SGD, momentum 0.9, weight decay 0.0001")
    #expect(
      SGD(momentum: 0.9, nesterov: true, weightDecay: 1e-4, normalizationWeightDecay: 0).summary
        == "SGD, Nesterov momentum 0.9, weight decay 0.0001, of BN 0.0")
  }
}
