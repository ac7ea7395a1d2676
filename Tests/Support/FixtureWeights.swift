/// The convolution weights of the network fixtures, which are generated instead of stored.

/// Weights of a convolution, in PyTorch's order [K, C, R, S]: `conv_weight` of
/// `Oracles/networks/make_fixtures.py`, bit for bit.
///
/// - Parameter name: without the prefix `parameter.`, for example `layer1.0.conv1.weight`.
public func fixtureConvolutionWeight(_ name: String, shape: [Int]) -> [Float] {
  precondition(shape.count == 4)
  // FNV-1a of the name seeds a SplitMix64 stream.
  let seed = name.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
    ($0 ^ UInt64($1)) &* 0x100_0000_01B3
  }
  let scale = Float((6 / Double(shape[2] * shape[3] * shape[0])).squareRoot())
  var stream = TestData(seed: seed)
  return (0..<shape.reduce(1, *)).map { _ in
    (Float(stream.next() >> 40) * 0x1p-23 - 1) * scale
  }
}
