/// Checks of what a step does beside training: requests, skipped steps, the comparison of replicas.

import Benchmarks
import Distributed
import MPI
import Networks
import Optimizers
import Tensors

/// An engine of a small network over these ranks, and images for it.
private func makeEngine(
  _ group: ProcessGroup, microBatches: Int = 1, onNotFinite: NotFinitePolicy = .stop
) throws -> (TrainingEngine, MadeUpImages) {
  let network = ClassificationHead().attached(
    to: try ModelCatalog.architecture(
      named: "resnet8", classes: 5, input: ImageShape(height: 16, width: 16, channels: 3)))
  let layout = try ShardLayout(batch: 16, shards: 8, ranks: group.count, rank: group.rank)
  var options = TrainingEngine.Options(
    optimizer: SGD(momentum: 0.9, weightDecay: 1e-4, normalizationWeightDecay: 1e-4))
  options.microBatches = microBatches
  options.onNotFinite = onNotFinite
  let engine = try TrainingEngine(
    network, NormalizationGroups(whole: layout), options: options, group: group)
  engine.replica.initialize(seed: 3)
  return (engine, MadeUpImages(network, layout, seed: 5))
}

/// Gives images whose first pixel is not a number, where `isBad`.
private final class SpoiltImages: MicroBatchSource {
  let images: MadeUpImages
  var isBad = false

  init(_ images: MadeUpImages) { self.images = images }

  func withNextMicroBatch(_ body: (MicroBatch) throws -> Void) throws {
    try images.withNextMicroBatch { batch in
      let pixel = batch.images.base
      let value = pixel.pointee
      if isBad { pixel.pointee = .nan }
      defer { pixel.pointee = value }
      try body(batch)
    }
  }
}

/// What training changes.
private func state(_ engine: TrainingEngine) -> [Float] {
  Array(engine.replica.parameters) + Array(engine.replica.runningStatistics)
    + Array(engine.optimizer.state.elements)
}

let stepChecks: [Check] = [
  Check("what one rank asks for with a step, all ranks know after it") { communicator in
    for isApart in [false, true] {
      let hosts = isApart ? Array(repeating: 1, count: communicator.size) : [communicator.size]
      let group = try ProcessGroup(world: communicator, hosts: RankGroups(sizes: hosts))
      let (engine, images) = try makeEngine(group, microBatches: isApart ? 2 : 1)
      for asking in 0..<group.count {
        let kinds: [StepRequests] = [[], [.stop], [.save], [.saveFailed], [.stop, .save]]
        for (index, asked) in kinds.enumerated() {
          let other = (asking + 1) % group.count
          var requests: StepRequests = group.rank == asking ? asked : []
          if index == 2, group.rank == other { requests.insert(.stop) }
          _ = try engine.step(
            1 + asking * kinds.count + index, learningRate: 0.01, requests: requests, from: images)
          let expected = index == 2 ? asked.union(.stop) : asked
          expectEqual(engine.requests.rawValue, expected.rawValue, "rank \(asking) asks \(index)")
        }
      }
    }
  },
  Check("a skipped step leaves everything as it was, on all ranks alike") { communicator in
    let group = try ProcessGroup(world: communicator)
    let (engine, images) = try makeEngine(group, onNotFinite: .skip)
    let spoilt = SpoiltImages(images)
    _ = try engine.step(1, learningRate: 0.1, from: spoilt)
    expect(engine.skipped == nil, "a good step was skipped")
    let before = state(engine)
    spoilt.isBad = group.rank == group.count - 1
    _ = try engine.step(2, learningRate: 0.1, from: spoilt)
    expect(engine.skipped?.finding.contains("loss is nan") == true, "the bad step was not skipped")
    expect(state(engine) == before, "the skipped step changed something")
    spoilt.isBad = false
    _ = try engine.step(3, learningRate: 0.1, from: spoilt)
    // The same without the bad step.
    let (other, same) = try makeEngine(group)
    for step in [1, 3] { _ = try other.step(step, learningRate: 0.1, from: same) }
    expect(state(engine) == state(other), "the next step is another one")
    expect(state(engine).allSatisfy(\.isFinite), "not finite")
  },
  Check("a step that is not a number ends all ranks before it changes anything") {
    communicator in
    let group = try ProcessGroup(world: communicator)
    let (engine, images) = try makeEngine(group)
    let spoilt = SpoiltImages(images)
    spoilt.isBad = group.rank == 0
    let parameters = Array(engine.replica.parameters)
    do {
      _ = try engine.step(1, learningRate: 0.1, from: spoilt)
      expect(false, "nothing was thrown")
    } catch let failure as CollectiveFailure {
      expect(failure.reason.contains("loss is nan"), failure.reason)
    }
    expect(parameters == Array(engine.replica.parameters), "parameters changed")
  },
  Check("a replica that differs in one bit is named with the tensor", minimumRanks: 2) {
    communicator in
    let group = try ProcessGroup(world: communicator)
    let (engine, images) = try makeEngine(group)
    _ = try engine.step(1, learningRate: 0.1, from: images)
    try engine.verifyReplicas(group, step: 1)
    let last = group.count - 1
    let slot = engine.replica.parameterLayout.slots[3]
    let places: [(UnsafeMutableBufferPointer<Float>, Int, String)] = [
      (engine.replica.parameters, slot.range.upperBound - 1, slot.name),
      (engine.replica.runningStatistics, 1, "running statistics"),
      (engine.optimizer.state.elements, 7, "optimizer's state"),
    ]
    for (memory, index, name) in places {
      let value = memory[index]
      if group.rank == last { memory[index] = Float(bitPattern: value.bitPattern ^ 1) }
      do {
        try engine.verifyReplicas(group, step: 9)
        expect(false, "\(name): nothing was thrown")
      } catch let failure as CollectiveFailure {
        let who = group.count == 2 ? "disagree (1 of 2" : "rank \(last) of \(group.count) differs"
        for word in [who, name, "step 9"] {
          expect(failure.reason.contains(word), "no '\(word)' in: \(failure.reason)")
        }
      }
      memory[index] = value
    }
    try engine.verifyReplicas(group, step: 2)
  },
]
