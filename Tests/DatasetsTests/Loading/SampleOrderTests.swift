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

  @Test("shards are shuffled, and samples among their neighbours: a permutation of each epoch")
  func shards() {
    // Forty shards of 1000 samples, 25 of 1.
    var runs = (0..<40).map { $0 * 1000..<($0 + 1) * 1000 }
    runs += (40_000..<40_025).map { $0..<$0 + 1 }
    func order(_ seed: UInt64, _ epoch: Int) -> [Int32] {
      PermutationSampler.permutation(seed: seed, epoch: epoch, runs: runs)
    }
    let first = order(1, 0)
    #expect(first.sorted() == (0..<40_025).map { Int32($0) })
    #expect(first == order(1, 0) && first != order(1, 1) && first != order(2, 0))
    // No sample comes much before its shard is due: reading stays close to sequential.
    var shardsOpened: Set<Int32> = []
    for (place, sample) in first.enumerated() {
      shardsOpened.insert(min(sample / 1000, 40))
      #expect(shardsOpened.count <= (place + PermutationSampler.bufferSize) / 1000 + 2)
    }
    // Within the buffer's reach, samples of a shard are not in their order.
    let ascending = zip(first, first.dropFirst()).count { $0 + 1 == $1 }
    #expect(ascending < 100)
    let seed = PermutationSampler.permutation(seed: 3, epoch: 2, count: 500)
    #expect(PermutationSampler.permutation(seed: 3, epoch: 2, runs: [0..<500]) == seed)
  }
}
