/// Momentum SGD against its formula in Float64.

import Kernels
import TestSupport
import Testing

@Suite struct MomentumSGDTests {
  @Test(
    "ten steps with a rate that drops are the formula's",
    arguments: [0, 1, 16, 17, 1000], [0, 0.9])
  func steps(count: Int, momentum: Double) {
    var data = TestData(seed: 1)
    var w = data.normalFloats(count: count)
    var v = w.map { _ in 0.0 }
    let parameters = GuardedMemory<Float>(w)
    let velocity = GuardedMemory<Float>(v)
    for step in 0..<10 {
      let rate = step < 5 ? 0.1 : 0.01
      let g = data.normalFloats(count: count)
      MomentumSGD.step(
        parameters: parameters.pointer, gradients: GuardedMemory(g).pointer,
        velocity: velocity.pointer, count: count, learningRate: Float(rate),
        momentum: Float(momentum), weightDecay: 0.01)
      for index in w.indices {
        v[index] = momentum * v[index] + g[index] + 0.01 * w[index]
        w[index] -= rate * v[index]
      }
    }
    #expect(normwiseError(parameters.values, w) < 1e-6, "\(data)")
    #expect(normwiseError(velocity.values, v) < 1e-6, "\(data)")
  }

  @Test("an element's step does not depend on its place in the vector")
  func placeIndependence() {
    var data = TestData(seed: 2)
    let (w, g, v) = (
      data.normalFloats(count: 33), data.normalFloats(count: 33), data.normalFloats(count: 33)
    )
    func step(_ range: Range<Int>) -> [Float] {
      let parameters = GuardedMemory<Float>(Array(w[range]))
      MomentumSGD.step(
        parameters: parameters.pointer, gradients: GuardedMemory<Float>(Array(g[range])).pointer,
        velocity: GuardedMemory<Float>(Array(v[range])).pointer, count: range.count,
        learningRate: 0.1,
        momentum: 0.9, weightDecay: 1e-4)
      return parameters.values
    }
    let whole = step(0..<33)
    for first in [1, 5, 16, 20] {
      #expect(step(first..<33) == Array(whole[first...]), "\(data)")
    }
  }
}
