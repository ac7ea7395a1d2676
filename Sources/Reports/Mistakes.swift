/// What a network gets wrong of its test images, as `mistakes.json` in a run folder has it.

import Foundation
import System

/// Confusions and the mistakes that the network is surest of, with pictures.
package struct Mistakes: Codable, Equatable, Sendable {
  /// Images of one class that are taken for another.
  package struct Confusion: Codable, Equatable, Sendable {
    package let `class`: String
    package let predicted: String
    package let count: Int
    /// All images of the class.
    package let classImages: Int

    package init(class: String, predicted: String, count: Int, classImages: Int) {
      self.class = `class`
      self.predicted = predicted
      self.count = count
      self.classImages = classImages
    }
  }

  /// An image that is taken for another class's.
  package struct Mistake: Codable, Equatable, Sendable {
    package let image: String
    package let `class`: String
    package let predicted: String
    /// Of the predicted class.
    package let probability: Double
    /// A PNG file; base64 in JSON.
    package let png: Data

    package init(
      image: String, class: String, predicted: String, probability: Double, png: Data
    ) {
      self.image = image
      self.class = `class`
      self.predicted = predicted
      self.probability = probability
      self.png = png
    }
  }

  /// Test images.
  package let images: Int
  /// How many of them are classified right.
  package let right: Int
  /// The classes' names.
  package let classes: [String]
  /// Images by their class and by the predicted class; nil where there are more than `mostClasses`.
  package let confusion: [[Int]]?
  /// The most frequent ones, most frequent first.
  package let confusions: [Confusion]
  /// Those with the highest probability, highest first.
  package let mistakes: [Mistake]

  /// Classes up to which all counts are kept.
  package static let mostClasses = 100
  /// Confusions that are listed.
  package static let mostConfusions = 20
  /// Mistakes that are shown.
  package static let mostMistakes = 24
  /// No data set has as many images; sums of some hundred such counts are still exact.
  private static let largestCount = 1 << 48

  /// The file's name in a run folder.
  package static let fileName = "mistakes.json"

  package init(
    images: Int, right: Int, classes: [String], confusion: [[Int]]?, confusions: [Confusion],
    mistakes: [Mistake]
  ) {
    self.images = images
    self.right = right
    self.classes = classes
    self.confusion = confusion
    self.confusions = confusions
    self.mistakes = mistakes
  }

  /// Reads what `sortedJSON` wrote; nil where it is something else.
  package init?(json: Data) {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    guard let read = try? decoder.decode(Self.self, from: json),
      (0..<Self.largestCount).contains(read.images),
      read.confusion.map({ counts in
        ([counts.count] + counts.map(\.count)).allSatisfy { $0 == read.classes.count }
          && counts.joined().allSatisfy { (0...read.images).contains($0) }
      }) ?? true
    else { return nil }
    self = read
  }
}
