/// BN statistics over many mini-batches: `Oracles/evaluation/make_fixtures.py`.

import Networks
import Tensors
import TestSupport
import Testing

@Suite struct PopulationStatisticsTests {
  /// The statistics of the fixture's five mini-batches on `ranks` ranks; each rank's bits.
  private func statistics(ranks: Int, threads: Int = 1) throws -> [[StateTensor]] {
    let fixture = try NetworkFixture("resnet8-B")
    let state = try fixture.state()
    let file = try NetworkFixture.open("evaluation-resnet8-B")
    let shape = [30, 3, 12, 12]
    let images = imagesFromNCHW(
      try file.float32("population.input", shape: [5, 6, 3, 12, 12]), shape: shape)
    let all = Batch(
      shape: fixture.architecture.input, images: images,
      labels: Array(repeating: 0, count: 30))
    let architecture = fixture.architecture
    return try InMemoryRanks(batch: 6, shards: 4, ranks: ranks).run { layout, exchange in
      let replica = Replica(
        architecture.classifier, evaluation: layout, threads: threads,
        exchange: exchange)
      try replica.load(stateDictionary: state)
      var statistics = PopulationStatistics(architecture, batch: 6)
      for step in 0..<5 {
        let local = all[6 * step..<6 * step + 6][layout.localPositions]
        statistics.add(try replica.statisticsPass(images: local.images))
      }
      statistics.store(in: replica)
      return replica.stateDictionary()
    }
  }

  @Test("mean and variance over all mini-batches are PyTorch's, and parameters stay")
  func values() throws {
    let file = try NetworkFixture.open("evaluation-resnet8-B")
    let before = try NetworkFixture("resnet8-B").state()
    for tensor in try statistics(ranks: 1)[0] {
      if tensor.name.contains("running_") {
        let expected = try file.float32("population.\(tensor.name)", shape: tensor.shape)
        #expect(normwiseError(tensor.values, expected) < 1e-5, "\(tensor.name)")
      } else {
        #expect(before.contains(tensor), "\(tensor.name)")
      }
    }
  }

  @Test("any number of ranks and threads gives the same bits", arguments: [2, 3, 4], [1, 2])
  func ranks(ranks: Int, threads: Int) throws {
    let alone = try statistics(ranks: 1)[0]
    for state in try statistics(ranks: ranks, threads: threads) { #expect(state == alone) }
  }
}
