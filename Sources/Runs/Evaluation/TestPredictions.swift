/// What a network says of every test image, for programs and for pages.

import Console
import Datasets
import Evaluation
import Foundation
import MPI
import Reports

/// All ranks' outcomes with the images that they are of.
package struct TestPredictions {
  private let source: any ImageSource
  /// In the source's order; empty on other ranks than 0.
  private let outcomes: [ImageOutcome]
  /// Of all classes that the network tells apart.
  private let names: [String]

  /// Gathers the outcomes on rank 0. Collective.
  init(_ outcomes: ImageOutcomes, of source: any ImageSource, ranks: Communicator) throws {
    self.source = source
    self.outcomes = try outcomes.gathered(ranks)
    // Images may have fewer classes than the network where classes are numbers.
    names = (0..<outcomes.classes).map {
      $0 < source.classCount ? source.classNames[$0] : "\($0)"
    }
  }

  /// A row for each image: image, class, predicted, probability, class_probability. `predicted` is empty
  /// where a score is not a number.
  package var csv: String {
    TableText(
      header: ["image", "class", "predicted", "probability", "class_probability"],
      rows: outcomes.map { outcome in
        [
          source.shortName(at: outcome.image), names[outcome.label],
          outcome.predicted.map { names[$0] } ?? "", NumberFormat.plain(outcome.probability),
          NumberFormat.plain(outcome.labelProbability),
        ]
      }
    ).csv
  }

  /// Pixels of the longer side of a mistake's picture.
  private static let pictureSide = 96

  /// The confusions, and the most confident mistakes with their pictures, which are read from the source.
  ///
  /// - Throws: `DatasetError`.
  package func mistakes() throws -> Mistakes {
    let wrong = outcomes.filter { !$0.isRight && $0.probability.isFinite }
    let surest = wrong.sorted {
      ($1.probability, $0.image) < ($0.probability, $1.image)
    }.prefix(Mistakes.mostMistakes)
    return Mistakes(
      images: outcomes.count, right: outcomes.count(where: \.isRight), classes: names,
      confusion: confusion, confusions: confusions,
      mistakes: try surest.map { outcome in
        Mistakes.Mistake(
          image: source.imageName(at: outcome.image), class: names[outcome.label],
          predicted: outcome.predicted.map { names[$0] } ?? "",
          probability: outcome.probability,
          png: Data(try source.thumbnail(of: outcome.image, longerSide: Self.pictureSide)))
      })
  }

  /// Images by class and predicted class; nil where there are too many classes.
  private var confusion: [[Int]]? {
    if names.count > Mistakes.mostClasses { return nil }
    var counts = Array(repeating: Array(repeating: 0, count: names.count), count: names.count)
    for outcome in outcomes {
      if let predicted = outcome.predicted { counts[outcome.label][predicted] += 1 }
    }
    return counts
  }

  /// The most frequent ones, those of lower classes first among equals.
  private var confusions: [Mistakes.Confusion] {
    var images = Array(repeating: 0, count: names.count)
    // By class · classes + predicted class.
    var counts: [Int: Int] = [:]
    for outcome in outcomes {
      images[outcome.label] += 1
      guard let predicted = outcome.predicted, !outcome.isRight else { continue }
      counts[outcome.label * names.count + predicted, default: 0] += 1
    }
    let order = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    return order.prefix(Mistakes.mostConfusions).map { pair, count in
      let (label, predicted) = pair.quotientAndRemainder(dividingBy: names.count)
      return Mistakes.Confusion(
        class: names[label], predicted: names[predicted], count: count,
        classImages: images[label])
    }
  }
}
