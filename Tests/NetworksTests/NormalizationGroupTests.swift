/// BN groups: each is normalized as if it were a mini-batch of its own.

import Kernels
import Networks
import TestSupport
import Testing

@Suite struct NormalizationGroupTests {
  @Test(
    "a mini-batch in BN groups is the mean of networks that see one group each",
    arguments: [Shortcut.a, .b], [true, false])
  func meanOfGroups(shortcut: Shortcut, fuse: Bool) throws {
    let architecture = Architecture.small(shortcut)
    let (batch, size) = (12, 4)
    let images = Batch(of: architecture, count: batch, seed: 3)
    let layout = try ShardLayout(batch: batch, shards: 6)
    let replica = TrainingReplica(
      architecture.classifier, training: layout, evaluation: layout,
      division: try NormalizationGroups(layout, imagesPerGroup: size),
      exchange: SingleRankExchange(), options: .init(fuse: fuse))
    replica.initialize(seed: 1)
    let sums = try replica.train(images)
    let logits = Array(replica.trainingLogits)

    var gradients = [Double](repeating: 0, count: replica.parameterLayout.count)
    var statistics = [Double](repeating: 0, count: replica.runningStatistics.count)
    var loss = 0.0
    for group in 0..<batch / size {
      let alone = try TrainingReplica(alone: architecture, batch: size, shards: 2, fuse: fuse)
      let part = group * size..<(group + 1) * size
      loss += try alone.train(images[part]).loss
      let own = part.lowerBound * architecture.classes..<part.upperBound * architecture.classes
      #expect(normwiseError(Array(logits[own]), Array(alone.trainingLogits)) < 1e-6)
      for (index, value) in alone.gradients.enumerated() {
        gradients[index] += Double(value) / Double(batch / size)
      }
      for (index, value) in alone.runningStatistics.enumerated() {
        statistics[index] += Double(value) / Double(batch / size)
      }
    }
    #expect(abs(sums.loss - loss) < 1e-6 * abs(loss))
    #expect(normwiseError(Array(replica.gradients), gradients.map { Float($0) }) < 1e-5)
    #expect(
      normwiseError(Array(replica.runningStatistics), statistics.map { Float($0) }) < 1e-6)
  }

  @Test("one image a group and one pixel a channel have a variance of zero and finite gradients")
  func singleImages() throws {
    let architecture = Architecture.cifar(
      8, input: .init(height: 4, width: 4, channels: 3))
    let layout = try ShardLayout(batch: 3, shards: 3)
    let replica = TrainingReplica(
      architecture.classifier, training: layout, evaluation: layout,
      division: try NormalizationGroups(layout, imagesPerGroup: 1), exchange: SingleRankExchange())
    replica.initialize(seed: 1)
    let sums = try replica.train(Batch(of: architecture, count: 3, seed: 1))
    #expect(sums.loss.isFinite)
    #expect(replica.gradients.allSatisfy { $0.isFinite })
    #expect(replica.runningStatistics.allSatisfy { $0.isFinite })
  }

  @Test("groups that would cut shards or do not divide the mini-batch are refused with what to do")
  func errors() throws {
    let layout = try ShardLayout(batch: 24, shards: 8)
    for (images, word) in [(5, "divides it"), (8, "multiple of 3"), (1, "multiple of 24")] {
      do {
        _ = try NormalizationGroups(layout, imagesPerGroup: images)
        Issue.record("groups of \(images) were taken")
      } catch {
        #expect("\(error)".contains(word), "\(error)")
      }
    }
    let pairs = try NormalizationGroups(layout, imagesPerGroup: 6)
    #expect(pairs.groups == [0..<2, 2..<4, 4..<6, 6..<8])
    let single = try NormalizationGroups(layout, imagesPerGroup: 3)
    #expect(single.groups == (0..<8).map { $0..<$0 + 1 })
  }
}
