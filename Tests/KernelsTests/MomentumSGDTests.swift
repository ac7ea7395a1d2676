/// Momentum SGD against its formula in Float64.

import Kernels
import TestSupport
import Testing

@Suite struct MomentumSGDTests {
  /// One step on guarded memory.
  private func step(
    _ parameters: GuardedMemory<Float>, _ gradients: [Double], _ velocity: GuardedMemory<Float>,
    learningRate: Double, momentum: Double, weightDecay: Double, nesterov: Bool = false,
    scale: Double = 1
  ) {
    let (w, v) = (parameters.elements, velocity.elements)
    var parameterSpan = w.mutableSpan
    var velocitySpan = v.mutableSpan
    MomentumSGD.step(
      &parameterSpan, gradients: GuardedMemory<Float>(gradients).elements.span,
      velocity: &velocitySpan,
      learningRate: Float(learningRate), momentum: Float(momentum),
      weightDecay: Float(weightDecay), nesterov: nesterov, scale: Float(scale))
  }

  @Test(
    "ten steps with a rate that drops are the formula's",
    arguments: [0, 1, 16, 17, 1000],
    [(0, 1, false), (0.9, 1, false), (0.9, 0.125, false), (0, 1, true), (0.9, 0.125, true)])
  func steps(count: Int, rule: (momentum: Double, scale: Double, nesterov: Bool)) {
    let (momentum, scale, nesterov) = rule
    var data = TestData(seed: 1)
    var w = data.normalFloats(count: count)
    var v = w.map { _ in 0.0 }
    let parameters = GuardedMemory<Float>(w)
    let velocity = GuardedMemory<Float>(v)
    for number in 0..<10 {
      let rate = number < 5 ? 0.1 : 0.01
      let g = data.normalFloats(count: count)
      step(
        parameters, g, velocity, learningRate: rate, momentum: momentum, weightDecay: 0.01,
        nesterov: nesterov, scale: scale)
      for index in w.indices {
        let update = scale * (g[index] + 0.01 * w[index])
        v[index] = momentum * v[index] + update
        w[index] -= rate * (nesterov ? update + momentum * v[index] : v[index])
      }
    }
    #expect(normwiseError(parameters.values, w) < 1e-6, "\(data)")
    #expect(normwiseError(velocity.values, v) < 1e-6, "\(data)")
  }

  @Test("an element's step does not depend on its position in the vector")
  func positionIndependence() {
    var data = TestData(seed: 2)
    let (w, g, v) = (
      data.normalFloats(count: 33), data.normalFloats(count: 33), data.normalFloats(count: 33)
    )
    func step(_ range: Range<Int>) -> [Float] {
      let parameters = GuardedMemory<Float>(Array(w[range]))
      self.step(
        parameters, Array(g[range]), GuardedMemory<Float>(Array(v[range])), learningRate: 0.1,
        momentum: 0.9, weightDecay: 1e-4)
      return parameters.values
    }
    let whole = step(0..<33)
    for first in [1, 5, 16, 20] {
      #expect(step(first..<33) == Array(whole[first...]), "\(data)")
    }
  }
}
