/// Checks that a detector trained on these ranks is, bit for bit, the one trained on one rank.

import Detection
import Distributed
import MPI
import Networks
import Optimizers
import Tensors

/// Made-up images of two sizes with boxes: what is at a position of a mini-batch does not depend on the ranks.
private final class MadeUpScenes: MicroBatchSource {
  static let largest = ImageShape(height: 80, width: 80, channels: 3)
  static let objects = 2

  private let layout: ShardLayout
  private let microBatches: Int
  private var microBatch = 0
  private var local = 0
  private let pixels = AlignedBuffer<Float>(count: largest.count)
  private let targets = AlignedBuffer<Float>(count: ObjectTargets.layout(capacity: objects).count)

  init(_ layout: ShardLayout, microBatches: Int) {
    (self.layout, self.microBatches) = (layout, microBatches)
  }

  func withNextMicroBatch(_ body: (MicroBatch) throws -> Void) throws {
    let (step, part) = microBatch.quotientAndRemainder(dividingBy: microBatches)
    let position = part * layout.capacity + layout.localPositions.lowerBound + local
    let shape =
      position % 3 == 0
      ? ImageShape(height: 48, width: 80, channels: 3)
      : ImageShape(height: 64, width: 48, channels: 3)
    for index in 0..<shape.count {
      let noise = (index &* 7919 &+ position &* 104_729 &+ step &* 1_299_709) % 1009
      pixels.view[index] = Float(noise) / 504 - 1
    }
    let corner = Float(position * 2 + step)
    let boxes = [
      SIMD4(corner, 4, corner + 20, 40), SIMD4(10, corner / 2, 42, corner / 2 + 18),
    ]
    let target = ObjectTargets(
      key: SamplingKey(seed: 3, step: step, position: position),
      // Every fourth image shows nothing.
      objects: position % 4 == 3
        ? [] : boxes.enumerated().map { TargetObject(box: $1, label: 1 + (position + $0) % 3) })
    try body(
      MicroBatch(
        images: ImageTensor(base: pixels.pointer, images: 1, shape: shape),
        targets: target.targets(in: targets)))
    local += 1
    if local == layout.localPositions.count { (local, microBatch) = (0, microBatch + 1) }
  }
}

/// The results of two steps of a small detector.
private func train(
  _ precision: Precision, microBatches: Int = 1, on group: ProcessGroup
) throws -> (parameters: [Float], losses: [Double]) {
  let images = 8 / microBatches
  let layout = try ShardLayout(
    batch: images, shards: images, ranks: group.count, rank: group.rank)
  var settings = Detector.Settings()
  settings.anchors = AnchorGrid(sizes: [16, 32], ratios: [0.5, 1], stride: Detector.stride)
  settings.proposalChannels = 16
  settings.pooledSide = 4
  settings.anchorSampling.count = 32
  settings.regionSampling.count = 8
  let detector = try Detector(
    backbone: "resnet18", classes: 3, settings: settings, precision: precision)
  var options = TrainingEngine.Options(
    optimizer: SGD(momentum: 0.9, weightDecay: 1e-4, normalizationWeightDecay: 1e-4))
  options.microBatches = microBatches
  let engine = try TrainingEngine(
    imageByImage: {
      detector.architecture(.training(objects: MadeUpScenes.objects), input: $0)
    }, largest: MadeUpScenes.largest, layout, options: options, group: group)
  engine.replica.initialize(seed: 11)
  let scenes = MadeUpScenes(layout, microBatches: microBatches)
  var losses: [Double] = []
  for step in 1...2 {
    let sums = try engine.step(step, learningRate: 0.01, from: scenes)
    losses += engine.replica.architecture.lossSumsOffsets.map { sums.from($0).loss }
  }
  try engine.verifyReplicas(group, step: 2)
  return (Array(engine.replica.parameters), losses)
}

/// Trains on these ranks, and on rank 0 alone, and compares.
private func compare(
  _ communicator: Communicator, _ precision: Precision, microBatches: Int = 1, hosts: Bool = false
) throws {
  let size = communicator.size
  guard 8 / microBatches >= size else { return }
  let here = try train(
    precision, microBatches: microBatches,
    on: ProcessGroup(
      world: communicator,
      hosts: RankGroups(sizes: hosts ? Array(repeating: 1, count: size) : [size])))
  // The other ranks' parameters are rank 0's, which `train` has verified.
  guard communicator.rank == 0 else { return }
  let alone = try train(precision, on: ProcessGroup(world: .selfOnly))
  let what = "\(precision), \(microBatches) micro-batches, hosts \(hosts)"
  expect(here.parameters == alone.parameters, "\(what): parameters differ")
  expectEqual(here.losses, alone.losses, "\(what): losses")
  expect(alone.parameters.allSatisfy(\.isFinite), "\(what): parameters are not finite")
  expect(alone.losses.allSatisfy { $0 > 0 }, "\(what): a loss is 0")
}

let detectionChecks: [Check] = [
  Check("a detector's training gives one rank's bits") { try compare($0, .fp32) },
  Check("a detector's training in bf16 gives one rank's bits") { try compare($0, .bf16) },
  Check("a detector's training gives one rank's bits on hosts that share no memory") {
    try compare($0, .fp32, hosts: true)
  },
  Check("parts of a detector's mini-batch give the bits of the whole") {
    try compare($0, .fp32, microBatches: 2)
  },
]
