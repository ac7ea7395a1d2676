/// Tests of the principal colours against their definition.

import Datasets
import TestSupport
import Testing

@Suite struct PrincipalColorsTests {
  /// A vector times a row of a 3 × 3 matrix.
  private func product(_ vector: [Double], _ matrix: [Double], row: Int) -> Double {
    var sum = 0.0
    for column in 0..<3 { sum += vector[column] * matrix[row * 3 + column] }
    return sum
  }

  @Test("directions are orthonormal and turn the covariance into the variances")
  func definition() {
    var random = TestData(seed: 7)
    for _ in 0..<50 {
      // A product with its transpose is a covariance.
      let factor = random.normal(count: 9)
      let covariance = (0..<9).map { place in
        product(Array(factor[place / 3 * 3..<place / 3 * 3 + 3]), factor, row: place % 3)
      }
      let colors = PrincipalColors(covariance: covariance)
      #expect(colors.variances == colors.variances.sorted(by: >))
      for row in 0..<3 {
        let vector = Array(colors.directions[row * 3..<row * 3 + 3])
        #expect(vector.max { abs($0) < abs($1) }! > 0)
        for other in 0..<3 {
          let product = product(vector, colors.directions, row: other)
          #expect(abs(product - (row == other ? 1 : 0)) < 1e-12, "\(random)")
        }
        for place in 0..<3 {
          let image = product(vector, covariance, row: place)
          #expect(abs(image - colors.variances[row] * vector[place]) < 1e-10, "\(random)")
        }
      }
    }
  }

  @Test("grey images vary along grey alone")
  func grey() {
    let colors = PrincipalColors(covariance: Array(repeating: 0.25, count: 9))
    #expect(abs(colors.variances[0] - 0.75) < 1e-12)
    #expect(abs(colors.variances[1]) < 1e-12 && abs(colors.variances[2]) < 1e-12)
    let grey = 1 / 3.0.squareRoot()
    #expect(colors.directions.prefix(3).allSatisfy { abs($0 - grey) < 1e-12 })
  }

  @Test("the covariance of a source's colours equals plain loops in Float64")
  func covariance() throws {
    let source = NumberedImages(count: 70)
    let statistics = try PixelStatistics(of: source, workers: 2)
    let size = 6 * 5 * 3
    let pixels = (0..<70).flatMap { image in
      (0..<size).map { Double(NumberedImages.byte(image, $0)) / 255 }
    }
    for first in 0..<3 {
      for second in 0..<3 {
        let pairs = stride(from: 0, to: pixels.count, by: 3).map {
          (pixels[$0 + first], pixels[$0 + second])
        }
        let count = Double(pairs.count)
        var means = (0.0, 0.0)
        for pair in pairs { means = (means.0 + pair.0 / count, means.1 + pair.1 / count) }
        var expected = 0.0
        for pair in pairs { expected += (pair.0 - means.0) * (pair.1 - means.1) / count }
        #expect(abs(statistics.covariance[first * 3 + second] - expected) < 1e-12)
      }
    }
  }
}
