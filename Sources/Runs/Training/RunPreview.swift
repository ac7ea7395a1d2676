/// What a training run will be, found out before anything is built or written.

import Distributed
import Networks
import Settings

/// A run's images, network, length and needs, for `doctor`.
package struct RunPreview {
  private let setup: RunSetup

  /// Opens the images and checks the settings as `TrainingRun` does. Collective.
  ///
  /// - Throws: `CollectiveFailure`.
  package init(_ configuration: TrainingConfiguration, ranks: ProcessGroup) throws {
    setup = try RunSetup(configuration, resume: nil, ranks: ranks)
  }

  package var data: TrainingData { setup.data }
  package var timeline: TrainingTimeline { setup.timeline }
  package var architecture: Architecture { setup.architecture }
  /// Logical shards of the mini-batch.
  package var shards: Int { setup.shards }
  /// Of this rank.
  package var memory: MemoryNeed { setup.memory }

  /// Bytes of a checkpoint.
  package var checkpointBytes: Int {
    let optimizer = setup.configuration.optimizer
    return StateSnapshot.fileBytes(
      ParameterLayout(architecture),
      TrainingEngine.Options(setup.configuration, threads: setup.threads).optimizer,
      hasAverage: optimizer.averageDecay != nil)
  }
}
