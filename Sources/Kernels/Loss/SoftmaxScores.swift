/// Softmax scores of one image, in Double, averaged over positions.

import Glibc
import Tensors

public enum SoftmaxScores {
  /// scores[k] += mean over positions of softmax(logits[position])[k].
  ///
  /// Exponentials and sums are in Double, positions in order.
  /// - Parameters:
  ///   - logits: [positions, K].
  ///   - scores: [K].
  ///   - exponentials: [K]; overwritten.
  public static func add(
    _ logits: VectorView<Float>, positions: Int, classes: Int,
    to scores: MutableVectorView<Double>, exponentials: MutableVectorView<Double>
  ) {
    require(
      logits.count >= positions * classes && scores.count >= classes
        && exponentials.count >= classes,
      "softmax scores have a number for each class")
    for position in 0..<positions {
      let row = logits.row(position, width: classes)
      var largest = row[0]
      for index in 1..<max(classes, 1) where row[index] > largest { largest = row[index] }
      var total = 0.0
      for index in 0..<classes {
        let value = exp(Double(row[index]) - Double(largest))
        exponentials[index] = value
        total += value
      }
      let weight = 1 / (total * Double(positions))
      for index in 0..<classes { scores[index] += exponentials[index] * weight }
    }
  }
}
