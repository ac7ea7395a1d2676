/// Softmax cross-entropy and the ranks of the right classes.

import Kernels
import Tensors
import TestSupport
import Testing

@Suite struct SoftmaxCrossEntropyTests {
  private func evaluate(
    _ logits: [Float], classes: Int, labels: [Int], gradient: GuardedMemory<Float>? = nil,
    scale: Double = 1, labelSmoothing: Double = 0
  ) -> ClassificationSums {
    SoftmaxCrossEntropy.evaluate(
      logits: GuardedMemory(logits).tensor(
        images: labels.count, ImageShape(height: 1, width: 1, channels: classes)),
      labels: GuardedMemory(labels.map(Int32.init)).view, gradient: gradient?.pointer,
      gradientScale: scale, labelSmoothing: labelSmoothing)
  }

  @Test("the loss is the reference's", arguments: [1, 2, 10, 17, 1000], [0.1, 1, 50])
  func loss(classes: Int, deviation: Double) {
    var data = TestData(seed: 1)
    let logits = data.normalFloats(count: 5 * classes, deviation: deviation)
    let labels = (0..<5).map { _ in data.integer(in: 0...classes - 1) }
    let sums = evaluate(logits.map { Float($0) }, classes: classes, labels: labels)
    let expected = referenceCrossEntropy(logits: logits, labels: labels, count: 1)
    #expect(sums.images == 5)
    #expect(abs(sums.loss - expected) <= 1e-12 * max(expected, 1), "\(data)")
  }

  @Test(
    "the gradient is the reference's central difference over the whole mini-batch",
    arguments: [1, 2, 10, 17])
  func gradient(classes: Int) {
    var data = TestData(seed: 2)
    let logits = data.normalFloats(count: 5 * classes, deviation: 2)
    let labels = (0..<5).map { _ in data.integer(in: 0...classes - 1) }
    let gradient = GuardedMemory<Float>(repeating: .nan, count: logits.count)
    _ = evaluate(
      logits.map { Float($0) }, classes: classes, labels: labels, gradient: gradient,
      scale: 1.0 / 40)
    let expected = centralDifferences(at: logits) {
      referenceCrossEntropy(logits: $0, labels: labels, count: 40)
    }
    #expect(relativeError(gradient.values, expected, scale: 1.0 / 40) < 1e-7, "\(data)")
  }

  @Test(
    "with smoothed labels loss and gradient are the reference's", arguments: [1, 2, 10, 1000],
    [0.1, 0.5])
  func labelSmoothing(classes: Int, smoothing: Double) {
    var data = TestData(seed: 3)
    let logits = data.normalFloats(count: 3 * classes, deviation: 2)
    let labels = (0..<3).map { _ in data.integer(in: 0...classes - 1) }
    let gradient = GuardedMemory<Float>(repeating: .nan, count: logits.count)
    let sums = evaluate(
      logits.map { Float($0) }, classes: classes, labels: labels, gradient: gradient,
      scale: 1.0 / 24, labelSmoothing: smoothing)
    let expected = referenceCrossEntropy(
      logits: logits, labels: labels, count: 1, labelSmoothing: smoothing)
    #expect(abs(sums.loss - expected) <= 1e-12 * max(expected, 1), "\(data)")
    let differences = centralDifferences(at: logits) {
      referenceCrossEntropy(logits: $0, labels: labels, count: 24, labelSmoothing: smoothing)
    }
    #expect(relativeError(gradient.values, differences, scale: 1.0 / 24) < 1e-7, "\(data)")
    #expect(sums.top1 == evaluate(logits.map { Float($0) }, classes: classes, labels: labels).top1)
  }

  private func evaluate(
    _ logits: [Double], classes: Int, targets: [Double], gradient: GuardedMemory<Float>? = nil,
    scale: Double = 1
  ) -> ClassificationSums {
    SoftmaxCrossEntropy.evaluate(
      logits: GuardedMemory<Float>(logits).tensor(
        images: logits.count / classes, ImageShape(height: 1, width: 1, channels: classes)),
      targets: GuardedMemory<Float>(targets).view, gradient: gradient?.pointer,
      gradientScale: scale)
  }

  @Test(
    "with soft targets loss and gradient are the expectation of the hard ones",
    arguments: [1, 2, 10, 17, 100])
  func softTargets(classes: Int) {
    var data = TestData(seed: 4)
    let logits = data.normalFloats(count: 3 * classes, deviation: 2)
    var targets = data.uniform(count: 3 * classes)
    // Rows are distributions but for the last, whose sum is not 1.
    for row in 0..<2 {
      let range = row * classes..<(row + 1) * classes
      let sum = targets[range].reduce(0, +)
      for index in range { targets[index] /= sum }
    }
    targets = targets.map { Double(Float($0)) }
    func loss(_ logits: [Double]) -> Double {
      (0..<3 * classes).reduce(0) { sum, index in
        let (row, label) = index.quotientAndRemainder(dividingBy: classes)
        return sum + targets[index]
          * referenceCrossEntropy(
            logits: Array(logits[row * classes..<(row + 1) * classes]), labels: [label], count: 1)
      }
    }
    let gradient = GuardedMemory<Float>(repeating: .nan, count: logits.count)
    let sums = evaluate(
      logits, classes: classes, targets: targets, gradient: gradient, scale: 1.0 / 24)
    let expected = loss(logits)
    #expect(abs(sums.loss - expected) <= 1e-12 * max(expected, 1), "\(data)")
    #expect(sums.images == 3)
    let indices = data.someIndices(of: logits.count)
    let differences = centralDifferences(at: logits, indices: indices) { loss($0) / 24 }
    let gradients = indices.map { gradient.values[$0] }
    #expect(relativeError(gradients, differences, scale: 1.0 / 24) < 1e-5, "\(data)")
  }

  @Test("a one-hot target gives what its label gives", arguments: [1, 2, 10, 17])
  func oneHotTargets(classes: Int) {
    var data = TestData(seed: 5)
    let logits = data.normalFloats(count: 5 * classes, deviation: 2)
    let labels = (0..<5).map { _ in data.integer(in: 0...classes - 1) }
    let targets = labels.flatMap { label in (0..<classes).map { $0 == label ? 1.0 : 0 } }
    let hard = GuardedMemory<Float>(repeating: .nan, count: logits.count)
    let soft = GuardedMemory<Float>(repeating: .nan, count: logits.count)
    let expected = evaluate(
      logits.map { Float($0) }, classes: classes, labels: labels, gradient: hard)
    let sums = evaluate(logits, classes: classes, targets: targets, gradient: soft)
    #expect(abs(sums.loss - expected.loss) <= 1e-12 * max(expected.loss, 1), "\(data)")
    #expect(sums.top1 == expected.top1 && sums.top5 == expected.top5, "\(data)")
    #expect(normwiseError(soft.values, hard.values.map(Double.init)) < 1e-7, "\(data)")
  }

  @Test("a class without probability may have the logit minus infinity")
  func impossibleClass() {
    let gradient = GuardedMemory<Float>(repeating: .nan, count: 3)
    let sums = evaluate(
      [0, -.infinity, 0], classes: 3, targets: [0.5, 0, 0.5], gradient: gradient)
    #expect(abs(sums.loss - 0.693147180559945) < 1e-12)
    #expect(gradient.values == [0, 0, 0])
  }

  @Test("with soft targets the likeliest class counts, the lowest of equal ones")
  func likeliestClass() {
    #expect(evaluate([1, 3, 2], classes: 3, targets: [0.25, 0.5, 0.25]).top1 == 1)
    #expect(evaluate([1, 3, 2], classes: 3, targets: [0, 0.5, 0.5]).top1 == 1)
    #expect(evaluate([1, 2, 3], classes: 3, targets: [0, 0.5, 0.5]).top1 == 0)
    #expect(evaluate([.nan, 2, 3], classes: 3, targets: [1, 0, 0]).top5 == 0)
  }

  @Test("a constant added to all logits of an image changes nothing")
  func shiftInvariance() {
    let logits: [Float] = [1, 2, 3, 4]
    let plain = evaluate(logits, classes: 4, labels: [2])
    for shift: Float in [1e4, -1e4, 1e6] {
      #expect(evaluate(logits.map { $0 + shift }, classes: 4, labels: [2]) == plain)
    }
  }

  @Test("logits far apart give a finite loss and gradient")
  func extremes() {
    let gradient = GuardedMemory<Float>(repeating: .nan, count: 3)
    let sums = evaluate([1e30, -1e30, 0], classes: 3, labels: [1], gradient: gradient)
    #expect(sums.loss == Double(Float(1e30)) * 2)
    #expect(gradient.values == [1, -1, 0])
  }

  @Test("top-1 and top-5 count the labels among the highest logits")
  func ranks() {
    let row = (0..<10).map { Float($0) }  // class 9 ranks first
    let labels = Array(0..<10)
    let sums = evaluate(labels.flatMap { _ in row }, classes: 10, labels: labels)
    #expect(sums.top1 == 1 && sums.top5 == 5)
  }

  @Test("of equal logits the lower class ranks first")
  func ties() {
    let labels = Array(0..<10)
    for logit: Float in [0, -.infinity] {
      let sums = evaluate(Array(repeating: logit, count: 100), classes: 10, labels: labels)
      #expect(sums.top1 == 1 && sums.top5 == 5)
    }
    #expect(evaluate([1, 0, 1], classes: 3, labels: [2]).top1 == 0)
    #expect(evaluate([1, 0, 1], classes: 3, labels: [0]).top1 == 1)
  }

  @Test("a label whose logit is NaN is never right", arguments: [1, 3, 5, 10])
  func notANumber(classes: Int) {
    for label in 0..<classes {
      var logits = [Float](repeating: 0, count: classes)
      logits[label] = .nan
      let sums = evaluate(logits, classes: classes, labels: [label])
      #expect(sums.top1 == 0 && sums.top5 == 0 && sums.loss.isNaN)
    }
  }

  @Test("a diverged network, all of whose logits are NaN, gets nothing right")
  func allNotANumber() {
    for label in 0..<10 {
      let sums = evaluate(Array(repeating: .nan, count: 10), classes: 10, labels: [label])
      #expect(sums.top1 == 0 && sums.top5 == 0 && sums.loss.isNaN)
    }
  }

  @Test("sums add up, and no images are zero")
  func sums() {
    let none = evaluate([], classes: 10, labels: [])
    #expect(none == ClassificationSums())
    let a = ClassificationSums(images: 3, loss: 1.5, top1: 1, top5: 2)
    let b = ClassificationSums(images: 4, loss: 2, top1: 3, top5: 3)
    #expect(a + b == ClassificationSums(images: 7, loss: 3.5, top1: 4, top5: 5))
    #expect(a + none == a)
  }
}
