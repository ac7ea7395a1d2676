/// A training step takes no memory from the heap.

import AllocationCounter
import Networks
import Optimizers
import Tensors
import Testing

@Suite struct AllocationTests {
  @Test("the counter counts")
  func counter() {
    let before = allocation_count()
    let array = Array(repeating: before, count: 1000)
    #expect(allocation_count() > before)
    #expect(array.count == 1000)
  }

  private static let sgd = SGD(
    momentum: 0.9, weightDecay: 1e-4, normalizationWeightDecay: 1e-4)

  @Test(
    "steps after the first allocate nothing", arguments: [Shortcut.a, .b],
    [(sgd, .fp32), (LARS(sgd, trust: 0.001), .fp32), (sgd, .bf16), (sgd, .bf16AMX)]
      as [(any OptimizerRule, Precision)])
  func steps(shortcut: Shortcut, update: (rule: any OptimizerRule, precision: Precision)) throws {
    let rule = update.rule
    let architecture = try ModelCatalog.architecture(
      named: "resnet20", shortcut: shortcut, classes: 10
    ).with(update.precision)
    let layout = try ShardLayout(batch: 16, shards: 8)
    let replica = TrainingReplica(
      architecture.classifier, training: layout, evaluation: layout, exchange: SingleRankExchange())
    replica.initialize(seed: 1)
    let optimizer = Optimizer(rule, of: replica)
    let batch = Batch(of: architecture, count: 16, seed: 1)
    let labels = AlignedBuffer<Int32>(count: batch.count)
    _ = labels.elements.update(fromContentsOf: batch.labels)
    let targets = Targets(labels: VectorView(labels.view))
    func step() throws {
      _ = try replica.trainingPass(images: batch.images, targets: targets)
      optimizer.step(learningRate: 0.1)
    }
    try step()
    let before = allocation_count()
    for _ in 0..<3 { try step() }
    #expect(allocation_count() - before == 0)
  }
}
