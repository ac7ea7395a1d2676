/// Stochastic gradient descent with momentum and weight decay, one pass over flat buffers.

public enum MomentumSGD {
  /// v = momentum·v + (g + weightDecay·w), then w = w − learningRate·v.
  ///
  /// This is PyTorch's form: the learning rate multiplies the whole velocity, so a drop of the rate
  /// takes effect at once, and a warm-up needs no momentum correction: Goyal et al. 2017 (§3, remark 2)
  /// ask for it where the velocity holds the rate. (Caffe's form, v = m·v + rate·g, does: their eq. 10.)
  /// A zero velocity makes the first step v = g. Reads 3 and writes 2 floats for each element.
  public static func step(
    parameters: UnsafeMutablePointer<Float>, gradients: UnsafePointer<Float>,
    velocity: UnsafeMutablePointer<Float>, count: Int, learningRate: Float, momentum: Float,
    weightDecay: Float
  ) {
    forEachElementGroup(
      count,
      wide: {
        let weight = parameters.vector(at: $0)
        let gradient = gradients.vector(at: $0) + weightDecay * weight
        let v = momentum * velocity.vector(at: $0) + gradient
        velocity.store(v, at: $0)
        parameters.store(weight - learningRate * v, at: $0)
      },
      narrow: {
        let gradient = gradients[$0] + weightDecay * parameters[$0]
        let v = momentum * velocity[$0] + gradient
        velocity[$0] = v
        parameters[$0] -= learningRate * v
      })
  }
}
