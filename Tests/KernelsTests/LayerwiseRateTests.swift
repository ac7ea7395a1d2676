/// LARS's local rate against its formula in Float64, and where the formula is undefined.

import Kernels
import TestSupport
import Testing

@Suite struct LayerwiseRateTests {
  private func localRate(_ w: [Double], _ g: [Double], weightDecay: Double = 0) -> Double {
    LayerwiseRate.lars(
      parameters: GuardedMemory<Float>(w).elements.span,
      gradients: GuardedMemory<Float>(g).elements.span, trust: 0.001, weightDecay: weightDecay)
  }

  @Test(
    "the local rate is trust · ‖w‖ / (‖g‖ + decay · ‖w‖)", arguments: [1, 15, 16, 17, 1000],
    [0, 0.05])
  func formula(count: Int, weightDecay: Double) {
    var data = TestData(seed: 1)
    let w = data.normalFloats(count: count)
    let g = data.normalFloats(count: count, deviation: 0.01)
    let (weight, gradient) = (dot(w, w).squareRoot(), dot(g, g).squareRoot())
    let expected = 0.001 * weight / (gradient + weightDecay * weight)
    let rate = localRate(w, g, weightDecay: weightDecay)
    #expect(abs(rate - expected) < 1e-14 * expected, "\(data)")
  }

  @Test("squares of the largest and smallest floats are within a norm's range")
  func range() {
    let (large, small) = (
      Double(Float.greatestFiniteMagnitude), Double(Float.leastNonzeroMagnitude)
    )
    #expect(localRate([large, 0, large], [large, large, 0]) == 0.001)
    #expect(localRate([0, small], [small, 0]) == 0.001)
  }

  @Test("weights of 0 get the global rate, a gradient of 0 what weight decay leaves")
  func zeros() {
    #expect(localRate([0, 0], [1, 2], weightDecay: 0.1) == 1)
    #expect(localRate([1, 2], [0, 0]) == 1)
    #expect(localRate([], []) == 1)
    #expect(abs(localRate([1, 2], [0, 0], weightDecay: 0.1) - 0.01) < 1e-15)
  }
}
