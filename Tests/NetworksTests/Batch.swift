/// Mini-batches and replicas for tests.

import Kernels
import Networks
import Tensors
import TestSupport

/// Images and labels of one global mini-batch.
struct Batch: Sendable {
  let shape: ImageShape
  /// [N, H, W, C].
  var images: [Float]
  var labels: [Int32]

  var count: Int { labels.count }

  init(shape: ImageShape, images: [Float], labels: [Int32]) {
    precondition(images.count == labels.count * shape.count)
    self.shape = shape
    self.images = images
    self.labels = labels
  }

  /// Normal pixels and uniform labels.
  init(of architecture: Architecture, count: Int, seed: UInt64) {
    var data = TestData(seed: seed)
    self.init(
      shape: architecture.input,
      images: data.normal(count: count * architecture.input.count).map { Float($0) },
      labels: (0..<count).map { _ in Int32(data.integer(in: 0...architecture.classes - 1)) })
  }

  /// The images at `positions`, as a rank sees them.
  subscript(positions: Range<Int>) -> Batch {
    let pixels = positions.lowerBound * shape.count..<positions.upperBound * shape.count
    return Batch(shape: shape, images: Array(images[pixels]), labels: Array(labels[positions]))
  }
}

extension Batch {
  /// The labels as a replica takes them.
  func withTargets<Result>(_ body: (Targets) throws -> Result) rethrows -> Result {
    // An empty array has no memory to point to.
    try (labels + [0]).withUnsafeBufferPointer { try body(Targets(labels: VectorView($0))) }
  }
}

extension Architecture {
  /// The network with a classifier's loss.
  var classifier: Architecture {
    losses.isEmpty ? ClassificationHead().attached(to: self) : self
  }
}

extension Plan.Options {
  /// The usual options but for some.
  init(fuse: Bool = true, rematerializesFrom leastCount: Int? = nil) {
    self.init()
    fuses = fuse
    if let leastCount { rematerializesFrom = leastCount }
  }
}

extension Replica {
  /// One evaluation pass over this rank's part of `batch`.
  func evaluate(_ batch: Batch) throws -> (sums: ClassificationSums, logits: [Float]) {
    let layout = evaluationLayout.shortened(to: batch.count)
    let local = batch[layout.localPositions]
    let sums = try local.withTargets {
      ClassificationSums(
        shards: try evaluationPass(images: local.images, targets: $0, batch: batch.count))
    }
    return (sums, Array(evaluationLogits))
  }
}

extension TrainingReplica {
  /// One training pass over this rank's part of `batch`.
  func train(_ batch: Batch) throws -> ClassificationSums {
    let local = batch[trainingLayout.localPositions]
    return try local.withTargets {
      ClassificationSums(shards: try trainingPass(images: local.images, targets: $0))
    }
  }

  /// A replica that holds all shards itself.
  convenience init(
    alone architecture: Architecture, batch: Int, shards: Int = 1, threads: Int = 1,
    fuse: Bool = true, rematerializesFrom leastCount: Int? = nil, seed: UInt64 = 1
  ) throws {
    let layout = try ShardLayout(batch: batch, shards: shards)
    self.init(
      architecture.classifier, training: layout, evaluation: layout, threads: threads,
      exchange: SingleRankExchange(),
      options: Plan.Options(fuse: fuse, rematerializesFrom: leastCount))
    initialize(seed: seed)
  }
}

extension Architecture {
  /// The CIFAR network with the paper's shortcut, or another, or none.
  static func cifar(
    _ depth: Int, _ shortcut: Shortcut? = .a, classes: Int = 10,
    input: ImageShape = ImageShape(height: 32, width: 32, channels: 3)
  ) -> Architecture {
    CIFARNetwork(depth: depth, shortcut: shortcut, classes: classes, input: input)!.architecture
  }

  /// The same network in other numbers.
  func with(_ precision: Precision) -> Architecture {
    var network = self
    network.precision = precision
    return network
  }

  /// Eight layers on 12×10 images: all of the code, little of the time.
  static func small(_ shortcut: Shortcut? = .a) -> Architecture {
    cifar(8, shortcut, input: ImageShape(height: 12, width: 10, channels: 3))
  }
}

extension ClassificationSums {
  /// The sums of all shards of a pass whose only loss is a classifier's.
  init(shards: UnsafeBufferPointer<Double>) {
    self = stride(from: 0, to: shards.count, by: 4).reduce(ClassificationSums()) { sum, first in
      sum
        + ClassificationHead.metrics(
          LossSums(VectorView(.init(rebasing: shards[first..<first + 4]))))
    }
  }
}

/// The bit patterns, so that comparisons see signed zeros and NaN.
func bits(_ values: some Sequence<Float>) -> [UInt32] { values.map(\.bitPattern) }
