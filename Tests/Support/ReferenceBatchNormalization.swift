/// Batch normalization in Float64 (Ioffe and Szegedy 2015, algorithms 1 and 2).

/// What a training forward finds, per channel.
public struct ReferenceStatistics: Equatable, Sendable {
  public var mean: [Double]
  /// Divided by N·H·W.
  public var biasedVariance: [Double]
  /// N·H·W.
  public var count: Int

  /// Divided by N·H·W − 1: what PyTorch's running variance averages.
  public var unbiasedVariance: [Double] {
    biasedVariance.map { $0 * Double(count) / Double(count - 1) }
  }
}

/// Each channel's mean and variance over N, H and W, in two passes.
public func referenceStatistics(_ input: ReferenceImages) -> ReferenceStatistics {
  let count = input.images * input.height * input.width
  var mean = [Double](repeating: 0, count: input.channels)
  for (index, x) in input.values.enumerated() { mean[index % input.channels] += x }
  mean = mean.map { $0 / Double(count) }
  var variance = [Double](repeating: 0, count: input.channels)
  for (index, x) in input.values.enumerated() {
    let c = index % input.channels
    variance[c] += (x - mean[c]) * (x - mean[c])
  }
  variance = variance.map { $0 / Double(count) }
  return ReferenceStatistics(mean: mean, biasedVariance: variance, count: count)
}

/// Training mode: normalized by the batch's own mean and biased variance, then gamma·x̂ + beta.
///
/// - Parameter input: [N, H, W, C]; gamma and beta are [C].
public func referenceBatchNormalization(
  _ input: ReferenceImages, gamma: [Double], beta: [Double], epsilon: Double = 1e-5
) -> ReferenceImages {
  let statistics = referenceStatistics(input)
  return referenceBatchNormalization(
    input, gamma: gamma, beta: beta, mean: statistics.mean, variance: statistics.biasedVariance,
    epsilon: epsilon)
}

/// Inference mode: normalized by given statistics.
///
/// - Parameter input: [N, H, W, C]; all else is [C].
public func referenceBatchNormalization(
  _ input: ReferenceImages, gamma: [Double], beta: [Double], mean: [Double], variance: [Double],
  epsilon: Double = 1e-5
) -> ReferenceImages {
  var output = input
  for (index, x) in input.values.enumerated() {
    let c = index % input.channels
    output.values[index] = gamma[c] * (x - mean[c]) / (variance[c] + epsilon).squareRoot() + beta[c]
  }
  return output
}
