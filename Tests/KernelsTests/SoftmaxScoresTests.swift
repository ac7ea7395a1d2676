/// Softmax scores, averaged over positions.

import Foundation
import Kernels
import TestSupport
import Testing

@Suite struct SoftmaxScoresTests {
  @Test("scores are added, and are the mean over positions of exp(x) / Σ exp(x)")
  func values() {
    var data = TestData(seed: 3)
    let (positions, classes) = (6, 7)
    let logits = data.normalFloats(count: positions * classes, mean: 2)
    var expected: [Double] = (0..<classes).map { Double($0) }
    for position in 0..<positions {
      let row = logits[position * classes..<(position + 1) * classes].map { exp(Double($0)) }
      let total = row.reduce(0, +)
      for index in 0..<classes { expected[index] += row[index] / total / Double(positions) }
    }
    let scores = GuardedMemory<Double>((0..<classes).map { Double($0) })
    let scratch = GuardedMemory<Double>(repeating: .nan, count: classes)
    SoftmaxScores.add(
      GuardedMemory<Float>(logits).view, positions: positions, classes: classes,
      to: scores.mutableView,
      exponentials: scratch.mutableView)
    for (score, expected) in zip(scores.values, expected) { #expect(abs(score - expected) < 1e-14) }
  }

  @Test("logits far from 0 neither overflow nor vanish")
  func largeLogits() {
    let scores = GuardedMemory<Double>(repeating: 0, count: 3)
    let scratch = GuardedMemory<Double>(repeating: 0, count: 3)
    SoftmaxScores.add(
      GuardedMemory<Float>([3000, 3000, -3000] as [Float]).view, positions: 1, classes: 3,
      to: scores.mutableView, exponentials: scratch.mutableView)
    #expect(scores.values == [0.5, 0.5, 0])
  }
}
