/// LARS over a network's tensors against the paper's algorithm in Float64:
/// `Oracles/optimizers/make_fixtures.py`.

import Networks
import Optimizers
import Safetensors
import TestSupport
import Testing

@Suite struct LARSTests {
  @Test(
    "six steps leave the paper's weights and velocities, at a constant rate and at one that changes",
    arguments: ["constant", "ramp"])
  func sixSteps(course: String) throws {
    let file = try fixture("lars")
    let replica = try TrainingReplica.madeUp()
    let layout = replica.parameterLayout
    let statistics = replica.stateDictionary().filter { $0.name.contains("running_") }
    try replica.load(stateDictionary: file.tensors("before.", layout) + statistics)
    let sgd = SGD(momentum: 0.75, weightDecay: 0.0625, normalizationWeightDecay: 0.25)
    let optimizer = Optimizer(LARS(sgd, trust: 0.125), of: replica)
    for (step, rate) in try file.float32("rates.\(course)", shape: [6]).enumerated() {
      replica.setGradients(try file.tensors("gradient.", layout, step: step))
      optimizer.step(learningRate: Double(rate))
    }
    for (prefix, found) in [
      ("", replica.parameterDictionary), ("velocity.", optimizer.stateDictionary()),
    ] {
      for tensor in found {
        let name = "\(course).\(prefix)\(tensor.name)"
        let expected = try file.float32(name, shape: tensor.shape)
        #expect(normwiseError(tensor.values, expected) < 1e-6, "\(name)")
      }
    }
  }

  @Test("without weight decay the length of an adapted tensor's gradient changes no step")
  func scale() throws {
    let sgd = SGD(momentum: 0.9, weightDecay: 0, normalizationWeightDecay: 0)
    // Powers of two round nothing.
    let results = try ([1, 1024, 0x1p-20] as [Float]).map { scale in
      let replica = try TrainingReplica.madeUp(seed: 3)
      replica.setGradients(seed: 4, scale: scale)
      Optimizer(LARS(sgd, trust: 0.01), of: replica).step(learningRate: 2)
      return replica.parameterDictionary
    }
    let start = try TrainingReplica.madeUp(seed: 3).parameterDictionary
    for (index, tensor) in start.enumerated() {
      let (one, large, small) = (results[0][index], results[1][index], results[2][index])
      #expect(one != tensor)
      let isAdapted = ["conv1.weight", "conv2.weight", "fc.weight"].contains(tensor.name)
      #expect((large == one) == isAdapted && (small == one) == isAdapted, "\(tensor.name)")
    }
  }

  @Test("with Nesterov's momentum the first step is 1 + momentum times as long")
  func nesterov() throws {
    let start = try TrainingReplica.madeUp()
    let lengths = try [false, true].map { nesterov in
      let sgd = SGD(
        momentum: 0.5, nesterov: nesterov, weightDecay: 0, normalizationWeightDecay: 0)
      let replica = try TrainingReplica.madeUp()
      replica.setGradients(seed: 1)
      Optimizer(LARS(sgd, trust: 0.01), of: replica).step(learningRate: 1)
      return zip(replica.parameters, start.parameters).map { Double($0) - Double($1) }
    }
    #expect(relativeError(lengths[1], lengths[0].map { 1.5 * $0 }, scale: 1e-2) < 1e-4)
  }

  @Test("tensors without a local rate are updated as by SGD, to the bit")
  func withoutLocalRate() throws {
    let sgd = SGD(momentum: 0.9, weightDecay: 1e-2, normalizationWeightDecay: 1e-3)
    let rules: [any OptimizerRule] = [sgd, LARS(sgd, trust: 0.01)]
    let results = try rules.map { rule in
      let replica = try TrainingReplica.madeUp()
      let optimizer = Optimizer(rule, of: replica)
      for step in 0..<3 {
        replica.setGradients(seed: UInt64(step))
        optimizer.step(learningRate: 0.1)
      }
      return replica.parameterDictionary
    }
    for (one, other) in zip(results[0], results[1]) {
      #expect((one == other) == ["bn1.weight", "bn1.bias", "fc.bias"].contains(one.name))
    }
  }

  @Test("the summary names the rule and its hyper-parameters")
  func summary() {
    let sgd = SGD(momentum: 0.9, weightDecay: 5e-4, normalizationWeightDecay: 0)
    #expect(
      LARS(sgd, trust: 0.001).summary
        == "LARS, trust 0.001, momentum 0.9, weight decay 0.0005, of BN 0.0")
  }
}
