/// Tests of the order in which samples are visited.

import Datasets
import Testing

@Suite struct SampleOrderTests {
  @Test("each epoch is a permutation of all samples", arguments: [1, 2, 7, 1000])
  func permutations(count: Int) {
    for epoch in 0..<3 {
      let order = PermutationSampler.permutation(seed: 5, epoch: epoch, count: count)
      #expect(order.sorted() == (0..<Int32(count)).map { $0 })
    }
  }

  @Test("epochs and seeds differ, the same ones are equal")
  func keys() {
    func order(_ seed: UInt64, _ epoch: Int) -> [Int32] {
      PermutationSampler.permutation(seed: seed, epoch: epoch, count: 500)
    }
    #expect(order(1, 0) == order(1, 0))
    #expect(Set([order(1, 0), order(1, 1), order(2, 0)]).count == 3)
  }

  @Test("every place is equally likely for every sample")
  func uniform() {
    let count = 6
    let epochs = 12_000
    var seen = [Int](repeating: 0, count: count * count)
    for epoch in 0..<epochs {
      let order = PermutationSampler.permutation(seed: 9, epoch: epoch, count: count)
      for (place, sample) in order.enumerated() { seen[place * count + Int(sample)] += 1 }
    }
    let expected = Double(epochs) / Double(count)
    #expect(seen.allSatisfy { abs(Double($0) - expected) < 6 * expected.squareRoot() })
  }
}
