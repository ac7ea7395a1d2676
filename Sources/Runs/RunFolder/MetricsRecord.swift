/// One line of `metrics.jsonl`: the figures of a logged step or of an evaluation.

/// Errors are fractions of the images (0.112, not 11.2).
package struct MetricsRecord: Equatable, Sendable {
  /// Which images the figures are about.
  package enum Split: String, Sendable {
    case train, test
  }

  package var step: Int
  package var epoch: Int
  package var split: Split
  /// Mean cross-entropy.
  package var loss: Double
  package var top1Error: Double
  package var top5Error: Double?
  package var learningRate: Double
  package var imagesPerSecond: Double
  /// Seconds since the run began.
  package var seconds: Double
  /// Images of the epoch that others took the place of; nil where that is not allowed.
  package var badImages: Int?

  package init(
    step: Int, epoch: Int, split: Split, loss: Double, top1Error: Double, top5Error: Double? = nil,
    learningRate: Double, imagesPerSecond: Double, seconds: Double, badImages: Int? = nil
  ) {
    self.step = step
    self.epoch = epoch
    self.split = split
    self.loss = loss
    self.top1Error = top1Error
    self.top5Error = top5Error
    self.learningRate = learningRate
    self.imagesPerSecond = imagesPerSecond
    self.seconds = seconds
    self.badImages = badImages
  }

  /// A JSON object on one line, without a newline; keys always in this order, numbers in the
  /// shortest form that reads back to the same value, `null` for what is not finite.
  package var json: String {
    var fields = [
      "\"step\":\(step)", "\"epoch\":\(epoch)", "\"split\":\"\(split.rawValue)\"",
      "\"loss\":\(MetricsRecord.number(loss))", "\"top1_error\":\(MetricsRecord.number(top1Error))",
    ]
    if let top5Error { fields.append("\"top5_error\":\(MetricsRecord.number(top5Error))") }
    fields += [
      "\"lr\":\(MetricsRecord.number(learningRate))",
      "\"images_per_second\":\(MetricsRecord.number(imagesPerSecond))",
      "\"seconds\":\(MetricsRecord.number(seconds))",
    ]
    if let badImages { fields.append("\"bad_images\":\(badImages)") }
    return "{\(fields.joined(separator: ","))}"
  }

  private static func number(_ value: Double) -> String {
    value.isFinite ? value.description : "null"
  }
}
