/// Outcomes of images against numbers computed by hand.

import Evaluation
import Tensors
import Testing

@Suite struct ImageOutcomesTests {
  private func buffer<Element: BitwiseCopyable & ExpressibleByIntegerLiteral>(
    _ values: [Element]
  ) -> AlignedBuffer<Element> {
    let buffer = AlignedBuffer<Element>(count: values.count)
    for (index, value) in values.enumerated() { buffer.view[index] = value }
    return buffer
  }

  /// The outcome of one image of class 1.
  private func outcome(logits: [Float]) -> ImageOutcome {
    let outcomes = ImageOutcomes(classes: logits.count) { _ in 1 }
    let logits = buffer(logits)
    outcomes.add(logits: VectorView(logits.view), image: 7)
    return outcomes.outcomes[0]
  }

  @Test("probabilities are the softmax of the logits")
  func softmax() {
    // e^0 : e^1 : e^3 over 1 + 2.718281828459045 + 20.085536923187668.
    let outcome = outcome(logits: [100, 101, 103])
    #expect(outcome.image == 7 && outcome.label == 1 && outcome.predicted == 2)
    #expect(abs(outcome.probability - 0.8437947344813395) < 1e-15)
    #expect(abs(outcome.labelProbability - 0.11419519938459449) < 1e-15)
    #expect(!outcome.isRight)
  }

  @Test("of equal scores the lower class is predicted")
  func ties() {
    #expect(outcome(logits: [0, 2, 2]).isRight)
    #expect(outcome(logits: [2, 2, 0]).predicted == 0)
    // Their softmax scores are equal, the logits are not.
    let close = outcome(logits: [0, 1e-30])
    #expect(close.isRight && close.probability == 0.5 && close.labelProbability == 0.5)
  }

  @Test("nothing is predicted where a score is not a number")
  func notANumber() {
    for logits in [[.nan, 1], [1, .nan], [.nan, .nan]] as [[Float]] {
      let outcome = outcome(logits: logits)
      #expect(outcome.predicted == nil && !outcome.isRight && outcome.probability.isNaN)
    }
  }

  @Test("scores of several views are averaged")
  func views() {
    let outcomes = ImageOutcomes(classes: 3) { $0 }
    for (image, sums) in [[0.5, 2.5, 1], [1.5, 1.5, 1]].enumerated() {
      let sums = buffer(sums)
      outcomes.add(sums: VectorView(sums.view), views: 4, image: image)
    }
    #expect(
      outcomes.outcomes == [
        ImageOutcome(
          image: 0, label: 0, predicted: 1, probability: 0.625, labelProbability: 0.125),
        ImageOutcome(
          image: 1, label: 1, predicted: 0, probability: 0.375, labelProbability: 0.375),
      ])
  }
}
