/// Stochastic gradient descent with momentum and weight decay, one pass over flat buffers.

public enum MomentumSGD {
  /// v = momentum·v + u with u = scale·(g + weightDecay·w), then w = w − learningRate·v, or with
  /// Nesterov's momentum w = w − learningRate·(u + momentum·v).
  ///
  /// This is PyTorch's form: the learning rate multiplies the whole velocity. A drop of the rate takes
  /// effect at once, and a warm-up needs no momentum correction; Goyal et al. 2017 (§3, remark 2) need it
  /// because their velocity contains the rate (Caffe's form, v = m·v + rate·g, their eq. 10).
  ///
  /// A zero velocity makes the first step v = scale·(g + weightDecay·w). An element's result does not
  /// depend on its position. Reads 3 and writes 2 floats for each element.
  /// - Parameters:
  ///   - parameters: w, [count].
  ///   - gradients: g, [count], without weight decay.
  ///   - velocity: v, [count].
  ///   - nesterov: whether the step looks ahead by the new velocity (Sutskever et al. 2013).
  ///   - scale: a layer-wise rate such as LARS's; 1 changes no bit.
  public static func step(
    _ parameters: inout MutableSpan<Float>, gradients: Span<Float>,
    velocity: inout MutableSpan<Float>, learningRate: Float, momentum: Float, weightDecay: Float,
    nesterov: Bool = false, scale: Float = 1
  ) {
    let count = parameters.count
    require(
      gradients.count == count && velocity.count == count,
      "gradients and velocity have one element per parameter")
    parameters.withUnsafeMutableBufferPointer { parameters in
      gradients.withUnsafeBufferPointer { gradients in
        velocity.withUnsafeMutableBufferPointer { velocity in
          guard let w = parameters.baseAddress, let g = gradients.baseAddress,
            let v = velocity.baseAddress
          else { return }
          forEachElementGroup(
            count,
            wide: {
              let weight = w.vector(at: $0)
              let update = scale * (g.vector(at: $0) + weightDecay * weight)
              let new = momentum * v.vector(at: $0) + update
              v.store(new, at: $0)
              w.store(weight - learningRate * (nesterov ? update + momentum * new : new), at: $0)
            },
            narrow: {
              let update = scale * (g[$0] + weightDecay * w[$0])
              let new = momentum * v[$0] + update
              v[$0] = new
              w[$0] -= learningRate * (nesterov ? update + momentum * new : new)
            })
        }
      }
    }
  }
}
