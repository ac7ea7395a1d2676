/// The weights of the network fixtures, which are generated instead of stored: `weights.py` of
/// `Oracles/networks`, bit for bit.

/// Uniform numbers in [-1, 1) that depend on the tensor's name alone: SplitMix64 from the FNV-1a
/// hash of the name.
public func fixtureUniform(_ name: String, count: Int) -> [Float] {
  let seed = name.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
    ($0 ^ UInt64($1)) &* 0x100_0000_01B3
  }
  var stream = TestData(seed: seed)
  return (0..<count).map { _ in Float(stream.next() >> 40) * 0x1p-23 - 1 }
}

/// Weights of a convolution, in PyTorch's order [K, C, R, S].
///
/// - Parameter name: without the prefix `parameter.`, for example `layer1.0.conv1.weight`.
public func fixtureConvolutionWeight(_ name: String, shape: [Int]) -> [Float] {
  precondition(shape.count == 4)
  let scale = Float((6 / Double(shape[2] * shape[3] * shape[0])).squareRoot())
  return fixtureUniform(name, count: shape.reduce(1, *)).map { $0 * scale }
}

/// Any tensor of a network's state, nothing of it trivially 0 or 1: `state_tensor`.
public func fixtureStateTensor(_ name: String, shape: [Int]) -> [Float] {
  if shape.count == 4 { return fixtureConvolutionWeight(name, shape: shape) }
  let (scale, shift): (Float, Float) =
    if shape.count == 2 {
      (0x1p-4, 0)
    } else if name.hasSuffix("running_var")
      || name.hasSuffix(".weight")
    { (0.5, 1) } else { (name.hasSuffix("running_mean") ? 0.3 : 0.2, 0) }
  return fixtureUniform(name, count: shape.reduce(1, *)).map { $0 * scale + shift }
}
