/// One line of `metrics.jsonl`: the figures of a logged step or of an evaluation.

import System

/// Errors are fractions of the images (0.112, not 11.2).
package struct MetricsRecord: Equatable, Sendable {
  /// Which images the figures are about.
  package enum Split: String, Sendable {
    case train, validation, test
  }

  package var step: Int
  package var epoch: Int
  package var split: Split
  /// Images that the figures are means over.
  package var images: Int
  /// The mean loss: cross-entropy of classifiers; nil: it has none.
  package var loss: Double?
  /// Nil where the network is no classifier.
  package var top1Error: Double?
  package var top5Error: Double?
  package var learningRate: Double
  package var imagesPerSecond: Double
  /// Seconds since the run began.
  package var seconds: Double
  /// Images of the epoch that were replaced by others; nil where that is not allowed.
  package var badImages: Int?
  /// Steps of the run so far that changed nothing; nil where that is not allowed.
  package var skippedSteps: Int?
  /// What else there is, such as the parts of a detector's loss.
  package var figures: [Figure] = []

  /// A figure under a name of its own.
  package struct Figure: Hashable, Sendable {
    package var name: String
    package var value: Double

    package init(_ name: String, _ value: Double) { (self.name, self.value) = (name, value) }
  }

  package init(
    step: Int, epoch: Int, split: Split, images: Int, loss: Double?, top1Error: Double?,
    top5Error: Double? = nil,
    learningRate: Double, imagesPerSecond: Double, seconds: Double, badImages: Int? = nil,
    skippedSteps: Int? = nil, figures: [Figure] = []
  ) {
    self.step = step
    self.epoch = epoch
    self.split = split
    self.images = images
    self.loss = loss
    self.top1Error = top1Error
    self.top5Error = top5Error
    self.learningRate = learningRate
    self.imagesPerSecond = imagesPerSecond
    self.seconds = seconds
    self.badImages = badImages
    self.skippedSteps = skippedSteps
    self.figures = figures
  }

  /// A JSON object on one line, without a newline; keys always in this order, numbers in the
  /// shortest form that reads back to the same value, `null` for what is not finite.
  package var json: String {
    let before: KeyValuePairs<String, JSON?> = [
      "step": .integer(step), "epoch": .integer(epoch), "split": .string(split.rawValue),
      "images": .integer(images), "loss": loss.map(JSON.number),
      "top1_error": top1Error.map(JSON.number), "top5_error": top5Error.map(JSON.number),
    ]
    let after: KeyValuePairs<String, JSON?> = [
      "lr": .number(learningRate), "images_per_second": .number(imagesPerSecond),
      "seconds": .number(seconds), "bad_images": badImages.map(JSON.integer),
      "skipped_steps": skippedSteps.map(JSON.integer),
    ]
    func members(_ pairs: KeyValuePairs<String, JSON?>) -> [(name: String, value: JSON)] {
      pairs.compactMap { name, value in value.map { (name, $0) } }
    }
    return JSON.members(
      members(before) + figures.map { ($0.name, .number($0.value)) } + members(after)
    ).description
  }
}
