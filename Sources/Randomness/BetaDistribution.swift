/// Draws from gamma and beta distributions.

import Glibc

extension CounterStream {
  /// A draw from the gamma distribution of shape `shape` and scale 1 (Marsaglia and Tsang 2000).
  ///
  /// - Precondition: `shape` is positive.
  public mutating func nextGamma(shape: Double) -> Double {
    precondition(shape > 0, "a gamma distribution has a positive shape")
    // Their method needs a shape from 1 on; their section 6 has the way from below.
    if shape < 1 { return nextGamma(shape: shape + 1) * pow(nextUniform(), 1 / shape) }
    let d = shape - 1.0 / 3
    let c = 1 / (9 * d).squareRoot()
    while true {
      let x = nextNormal()
      let v = (1 + c * x) * (1 + c * x) * (1 + c * x)
      if v > 0, log(nextUniform()) < 0.5 * x * x + d - d * v + d * log(v) { return d * v }
    }
  }

  /// A draw from the beta distribution Beta(`shape`, `shape`), which is symmetric around ½.
  ///
  /// - Precondition: `shape` is positive.
  public mutating func nextBeta(shape: Double) -> Double {
    let first = nextGamma(shape: shape)
    let second = nextGamma(shape: shape)
    // Of tiny shapes both underflow; the distribution is then a coin's.
    return first + second > 0 ? first / (first + second) : Double(next(below: 2))
  }
}
