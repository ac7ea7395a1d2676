/// Running sums over the images of an epoch or an evaluation.

import Kernels

/// Sums from which mean loss and error are taken; the same on every rank.
package struct EpochTotals: Codable, Equatable, Sendable {
  package var images = 0
  package var loss = 0.0
  package var top1 = 0
  package var top5 = 0
  /// Further sums over images by name, such as the parts of a detector's loss; nil: there are none.
  package var terms: [String: Double]?

  package init() {}

  package mutating func add(_ sums: ClassificationSums) {
    images += sums.images
    loss += sums.loss
    top1 += sums.top1
    top5 += sums.top5
  }

  /// Adds images whose loss has parts.
  package mutating func add(images: Int, loss: Double, terms: [String: Double]) {
    self.images += images
    self.loss += loss
    self.terms = (self.terms ?? [:]).merging(terms, uniquingKeysWith: +)
  }

  /// The mean over images of one of `terms`; 0 where there is none, NaN of no images.
  package func mean(ofTerm name: String) -> Double { mean(terms?[name] ?? 0) }

  /// The mean loss: cross-entropy of classifiers; NaN of no images.
  package var meanLoss: Double { mean(loss) }
  /// The fraction of images whose highest score is not their class's; NaN of no images.
  package var top1Error: Double { mean(Double(images - top1)) }
  /// The fraction of images whose class is not among the five highest scores; NaN of no images.
  package var top5Error: Double { mean(Double(images - top5)) }

  private func mean(_ sum: Double) -> Double { images == 0 ? .nan : sum / Double(images) }
}
