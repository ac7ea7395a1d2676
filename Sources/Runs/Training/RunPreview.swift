/// What a training run will be, found out before anything is built or written.

import Distributed
import Networks
import Settings

/// A run's images, network, length and needs, for `doctor`.
package protocol RunPreview {
  var configuration: TrainingConfiguration { get }
  var model: String { get }
  /// The network for the largest images.
  var architecture: Architecture { get }
  var timeline: TrainingTimeline { get }
  var trainingImages: Int { get }
  /// Of each evaluation.
  var testImages: Int { get }
  /// Logical shards of the mini-batch.
  var shards: Int { get }
  /// Of this rank.
  var memory: MemoryNeed { get }
  /// The time that a test of an image takes, over that of training it.
  var evaluationShare: Double { get }
}

extension RunPreview {
  /// Bytes of a checkpoint.
  package var checkpointBytes: Int {
    let optimizer = configuration.optimizer
    return StateSnapshot.bytes(
      ParameterLayout(architecture), optimizer.rule, hasAverage: optimizer.averageDecay != nil)
  }
}

/// Of a classifier.
package struct ClassificationPreview: RunPreview {
  private let setup: RunSetup

  /// Opens the images and checks the settings as `TrainingRun` does. Collective.
  ///
  /// - Throws: `CollectiveFailure`.
  package init(_ configuration: TrainingConfiguration, ranks: ProcessGroup) throws {
    setup = try RunSetup(configuration, resume: nil, ranks: ranks)
  }

  package var data: TrainingData { setup.data }
  package var configuration: TrainingConfiguration { setup.configuration }
  package var model: String { architecture.name }
  package var architecture: Architecture { setup.architecture }
  package var timeline: TrainingTimeline { setup.timeline }
  package var trainingImages: Int { data.train.count }
  package var testImages: Int { data.evaluation.count }
  package var shards: Int { setup.shards }
  package var memory: MemoryNeed { setup.memory }
  /// A forward pass without a backward one.
  package var evaluationShare: Double { EvaluationEstimate.classifierShare }
}
