/// Squared error and smooth L1 against Float64.

import Kernels
import Tensors
import TestSupport
import Testing

@Suite struct RegressionLossTests {
  enum Loss: CaseIterable {
    case squaredError, smoothL1, smoothL1Narrow, absolute

    var beta: Double {
      switch self {
      case .squaredError, .smoothL1: 1
      case .smoothL1Narrow: 0.25
      case .absolute: 0
      }
    }

    func value(_ difference: Double) -> Double {
      if self == .squaredError { return difference * difference }
      let size = abs(difference)
      return size < beta ? size * size / 2 / beta : size - beta / 2
    }
  }

  private func evaluate(
    _ loss: Loss, _ predictions: [Double], _ targets: [Double], gradient: GuardedMemory<Float>?,
    scale: Double = 1, accumulate: Bool = false
  ) -> Double {
    let view = GuardedMemory<Float>(predictions).tensor(
      images: 1, ImageShape(height: 1, width: 1, channels: predictions.count))
    let target = GuardedMemory<Float>(targets)
    if loss == .squaredError {
      return RegressionLoss.squaredError(
        predictions: view, targets: target.view, gradient: gradient?.pointer,
        gradientScale: scale, accumulate: accumulate)
    }
    return RegressionLoss.smoothL1(
      predictions: view, targets: target.view, beta: loss.beta, gradient: gradient?.pointer,
      gradientScale: scale, accumulate: accumulate)
  }

  @Test(
    "the loss is the formula's, the gradient its central difference, written or added",
    arguments: Loss.allCases, [0, 1, 16, 100])
  func formula(loss: Loss, count: Int) {
    for accumulate in [false, true] {
      var data = TestData(seed: 1)
      let predictions = data.normalFloats(count: count)
      let targets = data.normalFloats(count: count)
      let before = accumulate ? data.normalFloats(count: count) : predictions.map { _ in .nan }
      let gradient = GuardedMemory<Float>(before)
      func reference(_ predictions: [Double]) -> Double {
        zip(predictions, targets).reduce(0) { $0 + loss.value($1.0 - $1.1) }
      }
      let sum = evaluate(
        loss, predictions, targets, gradient: gradient, scale: 0.125, accumulate: accumulate)
      let expectedSum = reference(predictions)
      #expect(abs(sum - expectedSum) <= 1e-12 * max(expectedSum, 1), "\(data)")
      var expected = centralDifferences(at: predictions) { reference($0) / 8 }
      if accumulate { expected = zip(expected, before).map(+) }
      #expect(normwiseError(gradient.values, expected) < 1e-6, "\(data)")
      let alone = evaluate(loss, predictions, targets, gradient: nil)
      #expect(alone == sum)
    }
  }

  @Test("a prediction that is right has neither loss nor gradient", arguments: Loss.allCases)
  func right(loss: Loss) {
    let gradient = GuardedMemory<Float>(repeating: .nan, count: 3)
    #expect(evaluate(loss, [1, -2, 0], [1, -2, 0], gradient: gradient) == 0)
    #expect(gradient.values == [0, 0, 0])
  }

  @Test("a prediction that is not a number shows in loss and gradient", arguments: Loss.allCases)
  func notANumber(loss: Loss) {
    let gradient = GuardedMemory<Float>(repeating: 0, count: 2)
    #expect(evaluate(loss, [.nan, 1], [0, 1], gradient: gradient).isNaN)
    #expect(gradient.values[0].isNaN && gradient.values[1] == 0)
  }
}
