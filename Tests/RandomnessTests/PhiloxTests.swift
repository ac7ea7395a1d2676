/// Tests of the counter-based generator against its authors' vectors and by its statistics.

import Randomness
import Testing

@Suite struct PhiloxTests {
  /// Known answers of philox4x32-10 in Random123's `kat_vectors`.
  @Test("blocks equal the authors' known answers")
  func knownAnswers() {
    #expect(
      Philox.block(key: .zero, counter: .zero)
        == SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
    #expect(
      Philox.block(
        key: SIMD2(repeating: .max), counter: SIMD4(repeating: .max))
        == SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
    #expect(
      Philox.block(
        key: SIMD2(0xa409_3822, 0x299f_31d0),
        counter: SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344))
        == SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
  }

  @Test("streams that differ in any part of their key differ, equal ones are equal")
  func streams() {
    func first(
      _ seed: UInt64, _ purpose: RandomPurpose, _ epoch: Int, _ index: Int
    ) -> [UInt64] {
      var stream = CounterStream(seed: seed, purpose: purpose, epoch: epoch, index: index)
      return (0..<4).map { _ in stream.next() }
    }
    let base = first(1, .augmentation, 2, 3)
    #expect(base == first(1, .augmentation, 2, 3))
    let others = [
      first(2, .augmentation, 2, 3), first(1 << 32 | 1, .augmentation, 2, 3),
      first(1, .permutation, 2, 3), first(1, .augmentation, 3, 3), first(1, .augmentation, 2, 4),
      first(1, .augmentation, 2, 3 | 1 << 33),
    ]
    #expect(Set(others + [base]).count == 7)
  }

  @Test("bounded draws are uniform", arguments: [2, 3, 9, 1000])
  func boundedDraws(bound: Int) {
    let draws = 200_000
    var counts = [Int](repeating: 0, count: bound)
    var stream = CounterStream(seed: 7, purpose: .permutation, index: 0)
    for _ in 0..<draws { counts[stream.next(below: bound)] += 1 }
    let expected = Double(draws) / Double(bound)
    let chiSquare =
      counts.reduce(0.0) { $0 + (Double($1) - expected) * (Double($1) - expected) }
      / expected
    // Mean bound − 1, standard deviation √(2(bound − 1)); six of them away never happens by chance.
    let freedom = Double(bound - 1)
    #expect(abs(chiSquare - freedom) < 6 * (2 * freedom).squareRoot())
  }

  @Test("uniform draws have the mean and variance of (0, 1) and never reach its ends")
  func uniformDraws() {
    var stream = CounterStream(seed: 3, purpose: .initialization, index: 5)
    let values = (0..<100_000).map { _ in stream.nextUniform() }
    let mean = values.reduce(0, +) / 100_000
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 100_000
    #expect(abs(mean - 0.5) < 0.005 && abs(variance - 1 / 12.0) < 0.002)
    #expect(values.allSatisfy { $0 > 0 && $0 < 1 })
  }
}
