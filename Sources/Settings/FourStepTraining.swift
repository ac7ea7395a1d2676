/// The runs that four-step alternating training is made of (Ren et al. 2015, §3.2).

import Detection

/// A step: one run that trains proposals or regions.
package enum FourStepTraining: Int, CaseIterable, Sendable {
  /// The shared layers and the proposals, from the given weights.
  case proposals = 1
  /// The shared layers and the regions, from the given weights again, on the first step's proposals.
  case regions
  /// The proposals alone, on the second step's shared layers.
  case proposalsOnSharedLayers
  /// The regions alone, on the same layers and the third step's proposals.
  case regionsOnSharedLayers

  /// The step's folder in that of the whole training.
  package var folderName: String { "step\(rawValue)" }

  /// What it trains, in words.
  package var summary: String {
    switch self {
    case .proposals: "proposals and shared layers"
    case .regions: "regions and shared layers, on the proposals of step 1"
    case .proposalsOnSharedLayers: "proposals, on the shared layers of step 2"
    case .regionsOnSharedLayers:
      "regions, on the shared layers of step 2 and the proposals of step 3"
    }
  }

  private var trainsRegions: Bool {
    switch self {
    case .proposals, .proposalsOnSharedLayers: false
    case .regions, .regionsOnSharedLayers: true
    }
  }

  /// Whether the shared layers are those of an earlier step and stay as they are.
  private var keepsSharedLayers: Bool {
    switch self {
    case .proposals, .regions: false
    case .proposalsOnSharedLayers, .regionsOnSharedLayers: true
    }
  }

  /// All stages that proposals and regions share.
  private static let sharedStages = 4

  /// The settings of the step's run.
  ///
  /// - Parameters:
  ///   - whole: of the training.
  ///   - folder: of the training, where its steps' folders are.
  package func configuration(
    of whole: TrainingConfiguration, in folder: String
  ) -> TrainingConfiguration {
    func path(_ step: FourStepTraining) -> String { "\(folder)/\(step.folderName)" }
    var own = whole
    own.run.directory = path(self)
    own.detection.network.training = trainsRegions ? .regions : .proposals
    if trainsRegions {
      own.parallel.batchSize = whole.regionStepBatchSize
      // The same rate, whatever the mini-batch.
      if whole.schedule.learningRateReferenceBatch != nil {
        own.schedule.learningRate *=
          Double(whole.parallel.batchSize) / Double(own.parallel.batchSize)
      }
      own.schedule.scale(
        iterations: whole.detection.regionStepLength,
        images: Double(own.parallel.batchSize) / Double(whole.parallel.batchSize))
    }
    if keepsSharedLayers { own.detection.network.frozenStages = Self.sharedStages }
    switch self {
    case .proposals: break
    case .regions: own.detection.proposalsFrom = path(.proposals)
    case .proposalsOnSharedLayers: own.network.weights = path(.regions)
    case .regionsOnSharedLayers: own.network.weights = path(.proposalsOnSharedLayers)
    }
    return own
  }
}

extension TrainingConfiguration {
  /// Images of a mini-batch of the steps that train regions: twice the others', as both papers have it.
  fileprivate var regionStepBatchSize: Int {
    detection.regionStepBatchSize ?? 2 * parallel.batchSize
  }
}

extension ScheduleSettings {
  /// Makes a run longer or shorter; the rate drops at the same parts of it.
  ///
  /// - Parameters:
  ///   - iterations: how many times as many there are.
  ///   - images: how many times as many an iteration has.
  fileprivate mutating func scale(iterations: Double, images: Double) {
    func scaled(_ count: Int, _ factor: Double) -> Int {
      max(1, Int((Double(count) * factor).rounded()))
    }
    let factor: Double
    switch length {
    case .iterations(let count):
      let own = scaled(count, iterations)
      length = .iterations(own)
      factor = Double(own) / Double(count)
    case .epochs(let count):
      let own = scaled(count, iterations * images)
      length = .epochs(own)
      factor = Double(own) / Double(count)
    }
    milestones = milestones.map { milestone in
      switch milestone {
      case .fraction: milestone
      case .position(let position): .position(position * factor)
      }
    }
  }
}
