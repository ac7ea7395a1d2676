/// The moving average of weights.

import Foundation
import Networks
import Optimizers
import Safetensors
import Tensors
import Testing

@Suite struct WeightAverageTests {
  private func fixture() throws -> (weights: [[Float]], averages: [[Float]]) {
    let file = try SafetensorsFile(
      contentsOf: Bundle.module.path(
        forResource: "average", ofType: "safetensors", inDirectory: "Fixtures")!)
    func rows(_ name: String, _ count: Int) throws -> [[Float]] {
      let values = try file.float32(name, shape: [count, 16])
      return (0..<count).map { Array(values[$0 * 16..<($0 + 1) * 16]) }
    }
    return (try rows("weights", 12), try rows("averages", 4))
  }

  @Test("the average is PyTorch's AveragedModel with the exponential rule")
  func pyTorch() throws {
    let (weights, averages) = try fixture()
    let replica = try TrainingReplica.madeUp()
    let average = WeightAverage(
      WeightAverageRule(decay: 0.9, interval: 3, begin: 3), of: replica)
    for (step, values) in weights.enumerated() {
      for (index, value) in values.enumerated() { replica.parameters[index] = value }
      average.update(afterSteps: step + 1)
      guard (step + 1) % 3 == 0 else { continue }
      let found = average.withAveragedWeights { Array(replica.parameters.prefix(16)) }
      for (found, expected) in zip(found, averages[step / 3]) {
        #expect(abs(found - expected) <= 2e-7 * max(abs(expected), 1), "step \(step + 1)")
      }
      #expect(Array(replica.parameters.prefix(16)) == values)
    }
  }

  @Test("BN statistics are averaged, too, and a warm-up's weights are copied")
  func statistics() throws {
    let replica = try TrainingReplica.madeUp()
    let average = WeightAverage(
      WeightAverageRule(decay: 0.5, interval: 1, begin: 2), of: replica)
    for (step, value) in [Float(8), 4, 2].enumerated() {
      replica.runningStatistics.update(repeating: value)
      average.update(afterSteps: step + 1)
    }
    average.withAveragedWeights { #expect(replica.runningStatistics.allSatisfy { $0 == 3 }) }
    #expect(replica.runningStatistics.allSatisfy { $0 == 2 })
  }

  @Test("frozen layers are their own average, to the bit")
  func frozen() throws {
    let layout = try ShardLayout(batch: 1, shards: 1)
    var network = madeUpNetwork
    network.frozen = ["conv1", "bn1", "conv2"]
    let replica = TrainingReplica(
      network, training: layout, evaluation: layout, exchange: SingleRankExchange())
    replica.initialize(seed: 1)
    let average = WeightAverage(
      WeightAverageRule(decay: 0.9, interval: 1, begin: 0), of: replica)
    let before = replica.stateDictionary()
    for index in 0..<replica.parameterLayout.trainedCount { replica.parameters[index] += 1 }
    for step in 1..<10 { average.update(afterSteps: step) }
    let averaged = average.withAveragedWeights { replica.stateDictionary() }
    for (tensor, other) in zip(averaged, before) {
      #expect((tensor == other) == !tensor.name.hasPrefix("fc."), "\(tensor.name)")
    }
    #expect(average.stateViews().map(\.tensor) == averaged)
  }
}
