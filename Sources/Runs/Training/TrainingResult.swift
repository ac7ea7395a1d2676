/// What came of a training run, for scripts.

import Distributed
import System

extension TrainingRun.Outcome {
  /// `{"model","samples","top1","top5","loss","parameters_sha256",…}`: of the test images as `eval` has
  /// it, then the run's own; errors are fractions, times are seconds.
  package var json: String {
    let images = Double(test.images)
    return JSON.object([
      "model": .string(model), "samples": .integer(test.images),
      "top1": .number(Double(test.top1) / images), "top5": .number(Double(test.top5) / images),
      "loss": .number(test.meanLoss), "parameters_sha256": .string(parametersSHA256),
      "average_sha256": averageSHA256.map(JSON.string),
      "frozen_sha256_before": frozen.map { .string($0.before) },
      "frozen_sha256_after": frozen.map { .string($0.after) },
      "validation_error": validation.map { .number($0.top1Error) },
      "best_step": best.map { .integer($0.step) }, "best_error": best.map { .number($0.error) },
      "seconds": .number(seconds), "run_dir": .string(folder),
    ]).description
  }
}
