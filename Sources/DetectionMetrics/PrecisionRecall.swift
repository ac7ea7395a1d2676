/// Precision against recall of one class.

/// The detections of a class, best first: how precise they are and how many objects they find so far.
package struct PrecisionRecall: Hashable, Sendable {
  /// By detection, without those that count neither way.
  package let recall: [Double]
  package let precision: [Double]
  package let score: [Double]

  package init(recall: [Double], precision: [Double], score: [Double]) {
    (self.recall, self.precision, self.score) = (recall, precision, score)
  }

  /// The highest precision at this recall or a higher one, by detection.
  var envelope: [Double] {
    var envelope = precision
    for index in envelope.indices.dropLast().reversed() {
      envelope[index] = max(envelope[index], envelope[index + 1])
    }
    return envelope
  }
}
