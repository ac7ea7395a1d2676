/// Predictions as a table for people and as CSV.

import Console
import Foundation
import Reports

extension [ImagePrediction] {
  /// A line for each guess, under the image's name.
  package var table: String {
    var table = TextTable([.left, .right, .left])
    for prediction in self {
      for (place, guess) in prediction.top.enumerated() {
        table.add([
          place == 0 ? prediction.image : "",
          NumberFormat.percent(guess.probability, decimals: 2), guess.class,
        ])
      }
    }
    return table.lines.map { $0 + "\n" }.joined()
  }

  /// A row for each guess: image, rank from 1, index, class, probability.
  package var csv: String {
    TableText(
      header: ["image", "rank", "index", "class", "probability"],
      rows: flatMap { prediction in
        prediction.top.enumerated().map { place, guess in
          [
            prediction.image, "\(place + 1)", "\(guess.index)", guess.class,
            NumberFormat.plain(guess.probability),
          ]
        }
      }
    ).csv
  }
}
