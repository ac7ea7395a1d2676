/// How long a first evaluation takes, told from the steps before it.

import Runs
import Testing

@Suite struct EvaluationEstimateTests {
  @Test("it is the share of what training as many images takes, by the mean of the steps so far")
  func mean() {
    var estimate = EvaluationEstimate(images: 3_000, batchSize: 100, share: 0.5)
    #expect(estimate.seconds == 0)
    estimate.willStep(at: 50)
    // No step has ended.
    #expect(estimate.seconds == 0)
    estimate.willStep(at: 54)
    #expect(estimate.seconds == 15 * 4)
    estimate.willStep(at: 56)
    estimate.willStep(at: 56)
    #expect(estimate.seconds == 15 * 2)
  }
}
