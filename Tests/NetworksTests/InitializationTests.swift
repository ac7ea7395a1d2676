/// He initialization.

import Networks
import TestSupport
import Testing

@Suite struct InitializationTests {
  @Test("weights have He's deviation and mean 0", arguments: [Shortcut.a, .c])
  func deviations(shortcut: Shortcut) throws {
    let replica = try TrainingReplica(alone: .cifar(20, shortcut), batch: 1)
    var checked = 0
    for slot in replica.parameterLayout.slots {
      let variance: Double
      // Inputs of an output: C·R·S of a convolution's [K, C, R, S], C of the classifier's [K, C].
      let fanIn = Double(slot.fileShape.dropFirst().reduce(1, *))
      switch slot.fileShape.count {
      case 4: variance = 2 / fanIn
      case 2: variance = 1 / fanIn
      default: continue
      }
      let values = replica.parameters[slot.range].map { Double($0) }
      let count = Double(values.count)
      let mean = values.reduce(0, +) / count
      let found = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
      // Five deviations of the estimates: σ/√n of the mean, σ²·√(2/n) of the variance.
      #expect(abs(mean) < 5 * (variance / count).squareRoot(), "\(slot.name)")
      #expect(abs(found / variance - 1) < 5 * (2 / count).squareRoot(), "\(slot.name)")
      checked += 1
    }
    #expect(checked == (shortcut == .a ? 20 : 29))
  }

  @Test("everything else begins at 0 or 1")
  func constants() throws {
    let replica = try TrainingReplica(alone: .cifar(8, .b), batch: 1)
    for tensor in replica.stateDictionary() where tensor.shape.count == 1 {
      let one =
        tensor.name.hasSuffix("running_var")
        || (tensor.name.hasSuffix("weight") && tensor.shape.count == 1)
      #expect(tensor.values.allSatisfy { $0 == (one ? 1 : 0) }, "\(tensor.name)")
    }
  }

  @Test("on demand the last scale of each residual block begins at 0, and nothing else changes")
  func zeroResidual() throws {
    for (name, last) in [("resnet20", "bn2"), ("resnext29_1x4d", "bn3")] {
      let replica = try TrainingReplica(alone: try network(name, classes: 10), batch: 1)
      let usual = replica.stateDictionary()
      replica.initialize(seed: 1, zeroResidual: true)
      for (tensor, other) in zip(replica.stateDictionary(), usual) {
        let isLast = tensor.name.hasPrefix("layer") && tensor.name.hasSuffix("\(last).weight")
        #expect(
          isLast ? tensor.values.allSatisfy { $0 == 0 } : tensor == other, "\(tensor.name)")
      }
      #expect(replica.architecture.residualNormalizations.count == 9)
    }
    #expect(try network("plain20").residualNormalizations.isEmpty)
  }

  @Test("the same seed gives the same bits, whatever the batch, shards and threads")
  func sameSeed() throws {
    let one = try TrainingReplica(alone: .small(), batch: 1, seed: 5)
    let other = try TrainingReplica(
      alone: .small(), batch: 64, shards: 8, threads: 3, fuse: false, seed: 5)
    let same = bits(one.parameters) == bits(other.parameters)
    #expect(same)
  }

  @Test("seeds that differ in any bit give other weights")
  func otherSeeds() throws {
    let seeds: [UInt64] = [0, 1, 2, 1 << 31, 1 << 32, 1 << 63, .max]
    let weights = try seeds.map { seed in
      let replica = try TrainingReplica(alone: .small(), batch: 1, seed: seed)
      return withExtendedLifetime(replica) { bits(replica.parameters) }
    }
    #expect(Set(weights).count == seeds.count)
  }

  @Test("no two layers of one size have the same weights")
  func layersDiffer() throws {
    let replica = try TrainingReplica(alone: .cifar(20), batch: 1)
    let layers = replica.parameterLayout.slots.compactMap { slot -> [UInt32]? in
      if slot.fileShape.count == 4 {
        bits(replica.parameters[slot.range].prefix(100))
      } else {
        nil
      }
    }
    #expect(Set(layers).count == 19)
    #expect(Set(layers.flatMap { $0 }).count > 1890)
  }
}
