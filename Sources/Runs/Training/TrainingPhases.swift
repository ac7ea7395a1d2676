/// The parts of a run that train with images of one size each.

import Datasets
import Networks
import Settings
import Tensors

/// Steps that train with images of one size.
struct TrainingPhase {
  /// Finished steps at its begin and its end.
  let steps: Range<Int>
  let transform: ImageTransform
  /// The network for these images.
  let architecture: Architecture

  /// The parts of a run, in order; the images grow.
  ///
  /// - Throws: `ImageSizeError`, `ModelError`.
  static func all(
    _ configuration: TrainingConfiguration, _ data: TrainingData, _ timeline: TrainingTimeline
  ) throws -> [TrainingPhase] {
    let parts = try configuration.trainingPhases(for: data.train, timeline)
    let starts = parts.map { min($0.start, timeline.steps) }
    return try zip(parts, zip(starts, starts.dropFirst() + [timeline.steps])).map { part, steps in
      TrainingPhase(
        steps: steps.0..<steps.1, transform: part.transform,
        architecture: try configuration.architecture(
          classes: data.train.classCount,
          input: part.transform.outputShape(of: data.train.imageShape)))
    }
  }
}
