/// LAMB over a network's tensors against timm's in Float64: `Oracles/optimizers/make_lamb.py`.

import Networks
import Optimizers
import Safetensors
import TestSupport
import Testing

@Suite struct LAMBTests {
  private let rule = LAMB(
    momentum: 0.9, secondMomentum: 0.999, epsilon: 1e-6, weightDecay: 0.0625,
    normalizationWeightDecay: 0, gradientNorm: 1)

  /// The fixture's replica and optimizer after some of its steps.
  private func trained(
    _ file: SafetensorsFile, steps: Range<Int>, from start: TrainingReplica? = nil,
    state: [StateTensor]? = nil
  ) throws -> (replica: TrainingReplica, optimizer: Optimizer) {
    let replica = try start ?? TrainingReplica.madeUp()
    let layout = replica.parameterLayout
    if start == nil {
      let statistics = replica.stateDictionary().filter { $0.name.contains("running_") }
      try replica.load(stateDictionary: file.tensors("before.", layout) + statistics)
    }
    let optimizer = Optimizer(rule, of: replica)
    if let state {
      try optimizer.load(stateDictionary: state)
      optimizer.steps = steps.lowerBound
    }
    let rates = try file.float32("rates", shape: [6])
    for step in steps {
      replica.setGradients(try file.tensors("gradient.", layout, step: step))
      optimizer.step(learningRate: Double(rates[step]))
    }
    return (replica, optimizer)
  }

  @Test("six steps leave timm's weights and moments, with gradients that are too long and short")
  func sixSteps() throws {
    let file = try fixture("lamb")
    let (replica, optimizer) = try trained(file, steps: 0..<6)
    for (prefix, found) in [
      ("", replica.parameterDictionary), ("state.", optimizer.stateDictionary()),
    ] {
      for tensor in found {
        let expected = try file.float32(prefix + tensor.name, shape: tensor.shape)
        #expect(normwiseError(tensor.values, expected) < 3e-6, "\(prefix)\(tensor.name)")
      }
    }
    #expect(
      optimizer.stateDictionary().map(\.name).prefix(2) == [
        "bn1.bias.exp_avg", "bn1.bias.exp_avg_sq",
      ])
  }

  @Test("a run continued from its state and its number of steps has the same bits")
  func resumed() throws {
    let file = try fixture("lamb")
    let whole = try trained(file, steps: 0..<6)
    let first = try trained(file, steps: 0..<2)
    let second = try trained(
      file, steps: 2..<6, from: first.replica, state: first.optimizer.stateDictionary().shuffled())
    #expect(Array(second.replica.parameters) == Array(whole.replica.parameters))
    #expect(Array(second.optimizer.state.elements) == Array(whole.optimizer.state.elements))
  }

  @Test("a step of a tensor with weight decay is as long as the tensor times the rate")
  func length() throws {
    let start = try TrainingReplica.madeUp(seed: 3)
    let replica = try TrainingReplica.madeUp(seed: 3)
    replica.setGradients(seed: 4, scale: 100)
    Optimizer(rule, of: replica).step(learningRate: 0.25)
    for (after, before) in zip(replica.parameterDictionary, start.parameterDictionary)
    where ["conv1.weight", "conv2.weight", "fc.weight"].contains(after.name) {
      func norm(_ values: some Sequence<Double>) -> Double {
        values.reduce(0) { $0 + $1 * $1 }.squareRoot()
      }
      let step = norm(zip(after.values, before.values).map { Double($0) - Double($1) })
      let own = norm(before.values.map { Double($0) })
      #expect(abs(step - 0.25 * own) < 1e-5 * own, "\(after.name)")
    }
  }

  @Test("the summary names the rule and its hyper-parameters")
  func summary() {
    #expect(
      rule.summary
        == "LAMB, betas 0.9 and 0.999, epsilon 1e-06, weight decay 0.0625, of biases and BN 0.0, "
        + "gradients up to a norm of 1.0")
  }
}
