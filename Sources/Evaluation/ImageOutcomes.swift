/// What a network says of each test image, gathered from all ranks.

import Kernels
import MPI
import Tensors

/// What a network says of one image.
package struct ImageOutcome: Equatable, Sendable {
  /// Its index in the source.
  package let image: Int
  /// Its class.
  package let label: Int
  /// The class with the highest score, of equal ones the lowest; nil where a score is not a number.
  package let predicted: Int?
  /// The softmax score of the predicted class.
  package let probability: Double
  /// The softmax score of the image's class.
  package let labelProbability: Double

  package init(
    image: Int, label: Int, predicted: Int?, probability: Double, labelProbability: Double
  ) {
    self.image = image
    self.label = label
    self.predicted = predicted
    self.probability = probability
    self.labelProbability = labelProbability
  }

  /// As a test counts it.
  package var isRight: Bool { predicted == label }
}

/// Collects the outcomes of this rank's images; an image takes 40 bytes.
package final class ImageOutcomes {
  /// Those of this rank's images, in the order in which they were added.
  package private(set) var outcomes: [ImageOutcome] = []
  /// Classes that the network tells apart.
  package let classes: Int
  private let label: (Int) -> Int
  private let scores: AlignedBuffer<Double>
  private let exponentials: AlignedBuffer<Double>

  /// - Parameter label: the class of an image, by its index in the source.
  package init(classes: Int, label: @escaping (_ image: Int) -> Int) {
    self.classes = classes
    self.label = label
    scores = AlignedBuffer(count: classes)
    exponentials = AlignedBuffer(count: classes)
  }

  /// Adds an image that was seen once.
  ///
  /// The logits decide, as in `SoftmaxCrossEntropy`: two that differ can have equal softmax scores.
  /// - Parameter logits: [classes].
  package func add(logits: VectorView<Float>, image: Int) {
    scores.view.update(repeating: 0)
    SoftmaxScores.add(
      logits, positions: 1, classes: classes, to: scores.view, exponentials: exponentials.view)
    add(image, predicted: Self.mostLikely(logits), VectorView(scores.view), views: 1)
  }

  /// Adds an image that was seen several times.
  ///
  /// - Parameters:
  ///   - sums: [classes], softmax scores, added up over views.
  ///   - views: how many they are.
  package func add(sums: VectorView<Double>, views: Int, image: Int) {
    add(image, predicted: Self.mostLikely(sums), sums, views: views)
  }

  private func add(_ image: Int, predicted: Int?, _ sums: VectorView<Double>, views: Int) {
    let label = label(image)
    outcomes.append(
      ImageOutcome(
        image: image, label: label, predicted: predicted,
        probability: predicted.map { sums[$0] / Double(views) } ?? .nan,
        labelProbability: sums[label] / Double(views)))
  }

  private static func mostLikely<Score: BinaryFloatingPoint & BitwiseCopyable>(
    _ scores: VectorView<Score>
  ) -> Int? {
    var best = 0
    for index in 0..<scores.count {
      if scores[index].isNaN { return nil }
      if scores[index] > scores[best] { best = index }
    }
    return best
  }

  /// All ranks' outcomes in the images' order on rank 0, the same on any number of ranks; empty on
  /// other ranks. Collective.
  package func gathered(_ ranks: Communicator) throws -> [ImageOutcome] {
    let numbers = try ranks.gather(
      outcomes.flatMap { [$0.image, $0.label, $0.predicted ?? -1] })
    let probabilities = try ranks.gather(
      outcomes.flatMap { [$0.probability, $0.labelProbability] })
    let all = zip(numbers, probabilities).flatMap { numbers, probabilities in
      (0..<numbers.count / 3).map { row in
        let predicted = numbers[3 * row + 2]
        return ImageOutcome(
          image: numbers[3 * row], label: numbers[3 * row + 1],
          predicted: predicted < 0 ? nil : predicted, probability: probabilities[2 * row],
          labelProbability: probabilities[2 * row + 1])
      }
    }
    return all.sorted { $0.image < $1.image }
  }
}
