/// A counter-based random generator: Philox4x32-10 of Salmon et al., "Parallel Random Numbers: As
/// Easy as 1, 2, 3" (SC 2011). A draw is a pure function of key and counter, so there is no state
/// to save, and no draw depends on how the work is spread over processes or threads.

public import Glibc

/// The Philox4x32-10 block function and a small stream over it.
public enum Philox {
  /// 128 random bits for a 64-bit key and a 128-bit counter.
  @inlinable
  public static func block(key: SIMD2<UInt32>, counter: SIMD4<UInt32>) -> SIMD4<UInt32> {
    var key = key
    var x = counter
    for _ in 0..<10 {
      let first = UInt64(x[0]) &* 0xD251_1F53
      let second = UInt64(x[2]) &* 0xCD9E_8D57
      x = SIMD4(
        UInt32(truncatingIfNeeded: second >> 32) ^ x[1] ^ key[0],
        UInt32(truncatingIfNeeded: second),
        UInt32(truncatingIfNeeded: first >> 32) ^ x[3] ^ key[1],
        UInt32(truncatingIfNeeded: first))
      key = SIMD2(key[0] &+ 0x9E37_79B9, key[1] &+ 0xBB67_AE85)
    }
    return x
  }
}

/// What a stream of draws is for; keeps streams with equal indices apart.
public enum RandomPurpose: UInt32, Sendable {
  case permutation = 1
  case augmentation = 2
  case initialization = 3
  case syntheticData = 4
  case replacement = 5
  case shuffleBuffer = 6
  case holdOut = 7
  case mixing = 8
  case erasing = 9
  case anchorSampling = 10
  case regionSampling = 11
}

/// Uniform draws keyed by (seed, purpose, index, epoch).
///
/// Two streams with equal keys give equal draws anywhere; streams that differ in any part are
/// independent. `index` is a sample or parameter number.
public struct CounterStream: RandomNumberGenerator, Sendable {
  @usableFromInline let key: SIMD2<UInt32>
  @usableFromInline var counter: SIMD4<UInt32>
  @usableFromInline var words: SIMD4<UInt32> = .zero
  @usableFromInline var used = 4

  /// - Parameters:
  ///   - epoch: 0 where there is none; below 2^20.
  ///   - index: below 2^40.
  public init(seed: UInt64, purpose: RandomPurpose, epoch: Int = 0, index: Int) {
    precondition(epoch >= 0 && epoch < 1 << 20 && index >= 0 && index < 1 << 40)
    key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    counter = SIMD4(
      0,
      UInt32(truncatingIfNeeded: index),
      UInt32(truncatingIfNeeded: index >> 32) | UInt32(epoch) << 8,
      purpose.rawValue)
  }

  /// 32 uniform bits.
  @inlinable
  public mutating func nextWord() -> UInt32 {
    if used == 4 {
      words = Philox.block(key: key, counter: counter)
      counter[0] &+= 1
      used = 0
    }
    defer { used += 1 }
    return words[used]
  }

  @inlinable
  public mutating func next() -> UInt64 {
    let low = UInt64(nextWord())
    return low | UInt64(nextWord()) << 32
  }

  /// A uniform integer in 0..<bound, without bias (Lemire 2019).
  @inlinable
  public mutating func next(below bound: Int) -> Int {
    precondition(bound > 0 && bound <= Int(UInt32.max))
    let bound = UInt64(bound)
    var product = UInt64(nextWord()) &* bound
    if (product & 0xFFFF_FFFF) < bound {
      let threshold = ((1 << 32) &- bound) % bound
      while (product & 0xFFFF_FFFF) < threshold { product = UInt64(nextWord()) &* bound }
    }
    return Int(product >> 32)
  }

  /// A uniform number in (0, 1), never 0 or 1, with 52 random bits.
  @inlinable
  public mutating func nextUniform() -> Double {
    (Double(next() >> 12) + 0.5) * 0x1p-52
  }

  /// A draw from the normal distribution around 0, by Box and Muller's transform.
  @inlinable
  public mutating func nextNormal(deviation: Double = 1) -> Double {
    let radius = (-2 * log(nextUniform())).squareRoot()
    return deviation * radius * cos(2 * .pi * nextUniform())
  }
}
