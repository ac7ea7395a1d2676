/// What a network says of one image.

import System

/// The most likely classes of an image, the likeliest first.
package struct ImagePrediction: Codable, Equatable, Sendable {
  package struct Guess: Codable, Equatable, Sendable {
    package let index: Int
    package let `class`: String
    package let probability: Double
  }

  /// Its file.
  package let image: String
  package let top: [Guess]

  /// `{"image","top":[{"index","class","probability"}]}` on one line.
  package var json: String {
    JSON.object([
      "image": .string(image),
      "top": .array(
        top.map { guess in
          .object([
            "index": .integer(guess.index), "class": .string(guess.class),
            "probability": .number(guess.probability),
          ])
        }),
    ]).description
  }

  /// The `count` likeliest of some classes; of equal ones the lower class comes first.
  ///
  /// - Parameters:
  ///   - probabilities: of each class.
  ///   - names: of the classes.
  static func top(_ count: Int, of probabilities: [Double], names: [String]) -> [Guess] {
    let order = probabilities.indices.sorted {
      (probabilities[$1], $0) < (probabilities[$0], $1)
    }
    return order.prefix(count).map {
      Guess(index: $0, class: names[$0], probability: probabilities[$0])
    }
  }
}
