/// How long a run's first evaluation takes, told from the training steps before it.

/// An estimate for the evaluation that nobody has timed yet.
package struct EvaluationEstimate {
  /// The time that a test of an image takes, over that of training it: a forward pass without a backward one.
  package static let classifierShare = 1.0 / 3

  /// The evaluation's time over that of a step.
  private let steps: Double
  /// When the first step began, in seconds; nil: none has.
  private var first: Double?
  /// When the newest step began.
  private var newest = 0.0
  /// Steps that have ended.
  private var done = 0

  /// - Parameters:
  ///   - images: of an evaluation.
  ///   - batchSize: images of a training step.
  ///   - share: the time that a test of an image takes, over that of training it.
  package init(images: Int, batchSize: Int, share: Double) {
    steps = Double(images) * share / Double(batchSize)
  }

  /// A training step begins.
  package mutating func willStep(at now: Double) {
    if first == nil { first = now } else { done += 1 }
    newest = now
  }

  /// Seconds of the evaluation; 0 before a step has ended.
  package var seconds: Double {
    guard let first, done > 0 else { return 0 }
    return steps * (newest - first) / Double(done)
  }
}
