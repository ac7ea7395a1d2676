/// What a configuration says of the training step.

import Datasets
import Distributed
import MPI
import Networks
import Settings

extension TrainingEngine.Options {
  /// - Parameter threads: of each rank; see `TrainingConfiguration.threads(on:)`.
  package init(_ configuration: TrainingConfiguration, threads: Int) {
    self.init(optimizer: configuration.optimizer.rule)
    self.threads = threads
    backboneRate = Float(configuration.optimizer.backboneRate)
    microBatches = configuration.parallel.accumulate
    reduction = configuration.parallel.reduction
    bucketBytes = configuration.parallel.bucketBytes
    compression = configuration.parallel.gradientCompression
    onNotFinite = configuration.run.onNotFinite
  }
}

/// This rank's images of a part of a run, and what became of them.
protocol TrainingBatches: MicroBatchSource {
  /// The images since the last call that were replaced by others.
  func takeBadImages() -> [BadImage]
}

extension BatchLoader: TrainingBatches {}
extension CachedBatches: TrainingBatches {}

extension BatchSource {
  package func withNextMicroBatch(_ body: (MicroBatch) throws -> Void) throws {
    let isLoaded: Void? = try withNext { batch in
      try body(MicroBatch(images: batch.pixels, targets: batch.targets))
    }
    precondition(isLoaded != nil, "a training stream has no end")
  }
}
