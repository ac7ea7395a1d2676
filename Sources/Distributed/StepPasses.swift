/// What a training step computes of a micro-batch: all images at once, or one after the other.

import Networks
import Tensors

/// Forward and backward over this rank's part of a micro-batch.
protocol StepPasses: AnyObject {
  /// Whose parameters and gradients they are.
  var replica: TrainingReplica { get }

  /// Takes a micro-batch from `source` and leaves its gradients in the reduction's memory.
  ///
  /// - Parameters:
  ///   - begin: called where a phase begins, but for the first loading, which has begun.
  ///   - take: called with the losses' sums, [local shards, width].
  /// - Throws: what the source and `take` throw.
  func run<Source: MicroBatchSource>(
    _ microBatch: MicroBatchIndex, from source: Source, begin: (StepPhase) -> Void,
    take: (VectorView<Double>) throws -> Void
  ) throws
}

/// All images of a micro-batch have one size, and each layer takes all of them.
final class WholeBatchPasses: StepPasses {
  let replica: TrainingReplica
  /// The same parameters, with passes for smaller images.
  private let smaller: [TrainingReplica]
  /// What steps train with: `replica` or one of `smaller`.
  private var active: TrainingReplica

  init(_ replica: TrainingReplica, smaller: [TrainingReplica]) {
    (self.replica, self.smaller, active) = (replica, smaller, replica)
  }

  /// Makes the next steps take images of `input`: the shape of the network or one of the smaller ones.
  func use(input: ImageShape) {
    guard let replica = ([replica] + smaller).first(where: { $0.architecture.input == input })
    else {
      preconditionFailure("no passes for images of \(input)")
    }
    active = replica
  }

  func run<Source: MicroBatchSource>(
    _ microBatch: MicroBatchIndex, from source: Source, begin: (StepPhase) -> Void,
    take: (VectorView<Double>) throws -> Void
  ) throws {
    try source.withNextMicroBatch { batch in
      begin(.forward)
      let shards = try active.trainingPass(
        images: batch.images.base, targets: batch.targets, microBatch: microBatch
      ) {
        begin(.backward)
      }
      begin(.reduction)
      try take(VectorView(shards))
    }
  }
}

extension ImageByImagePasses: StepPasses {}

/// Images of a micro-batch have sizes of their own; the source gives this rank's one by one.
extension ImageByImagePasses {
  func run<Source: MicroBatchSource>(
    _ microBatch: MicroBatchIndex, from source: Source, begin: (StepPhase) -> Void,
    take: (VectorView<Double>) throws -> Void
  ) throws {
    for shard in 0..<localShards {
      if shard > 0 { begin(.loading) }
      try source.withNextMicroBatch { image in
        begin(.forward)
        try trainingPass(
          localShard: shard, image: image.images, targets: image.targets, microBatch: microBatch
        ) {
          begin(.backward)
        }
      }
    }
    begin(.reduction)
    try finish()
    try take(sums)
  }
}
