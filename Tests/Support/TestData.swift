/// Seeded test data: the same numbers for the same seed on every machine.

import Foundation

/// A generator of uniform and normal numbers (SplitMix64, Steele et al. 2014).
///
/// Interpolate it into an expectation's comment, and the seed is printed when the test fails.
public struct TestData: RandomNumberGenerator, CustomStringConvertible, Sendable {
  public let seed: UInt64
  private var state: UInt64

  public init(seed: UInt64) {
    self.seed = seed
    state = seed
  }

  public var description: String { "TestData(seed: \(seed))" }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }

  /// A uniform integer.
  public mutating func integer(in range: ClosedRange<Int>) -> Int {
    Int.random(in: range, using: &self)
  }

  /// Uniform numbers in the open interval.
  public mutating func uniform(count: Int, from low: Double = 0, to high: Double = 1) -> [Double] {
    (0..<count).map { _ in low + (high - low) * unit() }
  }

  /// Normal numbers (Box and Muller 1958).
  public mutating func normal(
    count: Int, mean: Double = 0, deviation: Double = 1
  ) -> [Double] {
    (0..<count).map { _ in
      let radius = (-2 * log(unit())).squareRoot()
      return mean + deviation * radius * cos(2 * .pi * unit())
    }
  }

  private mutating func unit() -> Double { (Double(next() >> 12) + 0.5) * 0x1p-52 }
}
