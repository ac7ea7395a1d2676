/// What a detector's run will be, and its training step, found out before anything is written.

import Distributed
import Networks
import Settings

/// Of a detector.
package struct DetectionPreview: RunPreview {
  private let setup: DetectionSetup
  private let proposals: ProposalNetwork?

  /// Opens the images and checks the settings as `DetectionTrainingRun` does. Collective.
  ///
  /// - Throws: `CollectiveFailure`.
  package init(_ configuration: TrainingConfiguration, ranks: ProcessGroup) throws {
    setup = try DetectionSetup(configuration, resume: nil, ranks: ranks)
    proposals = try setup.proposalNetwork(ranks)
  }

  package var configuration: TrainingConfiguration { setup.configuration }
  package var model: String { setup.detector.name }
  package var architecture: Architecture { setup.architecture(configuration.largestImage) }
  package var timeline: TrainingTimeline { setup.timeline }
  package var trainingImages: Int { setup.data.train.images.count }
  package var testImages: Int { setup.data.test.images.count }
  package var shards: Int { configuration.parallel.batchSize }
  package var memory: MemoryNeed { setup.memory }

  package var evaluationShare: Double { setup.evaluationShare }

  /// The run's engine, with the weights that it starts from. A step that is not a number changes nothing,
  /// as new weights give some. Collective.
  package func engine(
    ranks: ProcessGroup, observers: [any PassObserver]
  ) throws -> TrainingEngine {
    var options = setup.engineOptions
    options.onNotFinite = .skip
    let engine = try TrainingEngine(
      imageByImage: setup.architecture, largest: configuration.largestImage, setup.layout,
      options: options, group: ranks, observers: observers)
    engine.replica.initialize(seed: configuration.run.seed)
    try ranks.together {
      if let weights = configuration.network.weights {
        _ = try WeightsFile(weights).loadDetector(into: engine.replica)
      }
    }
    return engine
  }

  /// This rank's images of all steps.
  package var images: any MicroBatchSource {
    setup.loader(afterSteps: 0, proposals: proposals?.inTraining)
  }
}
