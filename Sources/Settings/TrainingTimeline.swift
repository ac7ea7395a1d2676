/// A run's length in steps and epochs.

/// A run's steps, from its length in epochs or iterations.
package struct TrainingTimeline: Hashable, Sendable {
  /// Training images.
  package let images: Int
  package let batchSize: Int
  /// Steps in all.
  package let steps: Int
  /// Steps in the unit of the run's length: an epoch, perhaps broken, or an iteration.
  private let stepsPerUnit: Double

  package init(_ configuration: TrainingConfiguration, images: Int) {
    self.images = images
    batchSize = configuration.parallel.batchSize
    switch configuration.schedule.length {
    case .iterations(let count):
      steps = count
      stepsPerUnit = 1
    case .epochs(let count):
      steps = Self.steps(
        toFinishEpoch: count, images: images, batchSize: configuration.parallel.batchSize)
      stepsPerUnit = Double(images) / Double(batchSize)
    }
  }

  /// Finished steps at a milestone.
  ///
  /// - Parameter length: the steps that it is a part of; nil: the run's.
  func steps(until milestone: Milestone, of length: Int? = nil) -> Int {
    switch milestone {
    case .fraction(let fraction): Int((fraction * Double(length ?? steps)).rounded())
    case .position(let position): Int((position * stepsPerUnit).rounded())
    }
  }

  /// The first step count after which `epoch` whole epochs of images have been seen.
  private static func steps(toFinishEpoch epoch: Int, images: Int, batchSize: Int) -> Int {
    (epoch * images + batchSize - 1) / batchSize
  }

  /// The step that ends the epoch which `step` finished ones are in: epochs end with the first
  /// mini-batch that completes a pass over the images, or with the run.
  package func endOfEpoch(afterSteps step: Int) -> Int {
    min(
      steps,
      Self.steps(toFinishEpoch: epoch(afterSteps: step) + 1, images: images, batchSize: batchSize))
  }

  /// Whole epochs seen after `step` steps.
  package func epoch(afterSteps step: Int) -> Int { step * batchSize / images }

  /// Passes over the images that the run makes.
  var passes: Double { Double(steps) / stepsPerEpoch }

  private var stepsPerEpoch: Double { Double(images) / Double(batchSize) }

  /// Epochs in the run, the last perhaps unfinished.
  package var epochs: Int {
    max(1, steps == 0 ? 0 : epoch(afterSteps: steps - 1) + 1)
  }
}
