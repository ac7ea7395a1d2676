/// Collectives over buffers, against values computed without communication.

import Glibc
import MPI

/// A value that differs by rank and position and is exact in every element type.
private func value<Element: MPINumber>(_ rank: Int, _ index: Int) -> Element {
  Element(exactly: (rank * 3 + index * 5) % 7 + 1)!
}

private func values<Element: MPINumber>(_ rank: Int, _ count: Int) -> [Element] {
  (0..<count).map { value(rank, $0) }
}

/// The host's clock, the same for all its processes.
private func monotonicNanoseconds() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Counts that differ by rank, some of them zero.
private func unevenCounts(_ size: Int) -> [Int] {
  (0..<size).map { [3, 0, 7, 1][$0 % 4] }
}

/// - Parameter product: of integers the wrapping one, as eight factors up to 7 leave `Int8`.
private func checkReductions<Element: MPINumber>(
  _ element: Element.Type, _ communicator: Communicator,
  product: @escaping (Element, Element) -> Element
) throws {
  let count = 19
  let mine: [Element] = values(communicator.rank, count)
  let all: [[Element]] = (0..<communicator.size).map { values($0, count) }
  func expected(_ combine: (Element, Element) -> Element) -> [Element] {
    (0..<count).map { index in
      all.dropFirst().reduce(all[0][index]) { combine($0, $1[index]) }
    }
  }
  let sum: (Element, Element) -> Element = { $0 + $1 }
  for (name, operation, combine) in [
    ("sum", ReduceOperation<Element>.sum, sum), ("product", .product, product),
    ("min", .min, { Swift.min($0, $1) }), ("max", .max, { Swift.max($0, $1) }),
  ] {
    let what = "\(name) of \(element)"
    let result = try exchanged(mine, into: mine.map { _ in 0 }) {
      try communicator.allReduce($0, into: $1, operation)
    }
    expectEqual(result, expected(combine), what)
    let inPlace = try communicator.allReduce(mine, operation)
    expectEqual(inPlace, expected(combine), "\(what) in place")
  }
}

private func checkBits<Element: MPIInteger>(
  _ element: Element.Type, _ communicator: Communicator
) throws {
  let ranks = 0..<communicator.size
  // Of the two high bits one is set on an even number of ranks, so that xor differs from or.
  func bits(_ rank: Int) -> Element {
    (1 << Element(rank % 5)) | 0b0100_0000 | (rank > 0 ? 0b0010_0000 : 0)
  }
  func reduce(_ value: Element, _ operation: ReduceOperation<Element>) throws -> Element {
    try communicator.allReduce(value, operation)
  }
  let mine = bits(communicator.rank)
  expectEqual(try reduce(mine, .bitwiseAnd), ranks.map(bits).reduce(~0, &), "and of \(element)")
  expectEqual(try reduce(mine, .bitwiseOr), ranks.map(bits).reduce(0, |), "or of \(element)")
  expectEqual(try reduce(mine, .bitwiseXor), ranks.map(bits).reduce(0, ^), "xor of \(element)")

  // A datatype of the wrong sign or width orders these wrongly.
  let extreme: Element = communicator.rank == 0 ? .max : .min
  expectEqual(try reduce(extreme, .max), .max, "largest \(element)")
  expectEqual(
    try reduce(extreme, .min), communicator.size == 1 ? .max : .min, "smallest \(element)")

  let onlyLast: Element = communicator.rank == communicator.size - 1 ? 2 : 0
  expect(try reduce(onlyLast, .logicalOr) != 0, "logical or of \(element)")
  expectEqual(
    try reduce(onlyLast, .logicalAnd) != 0, communicator.size == 1, "logical and of \(element)")
}

private func checkMovement<Element: MPINumber>(
  _ element: Element.Type, _ communicator: Communicator
) throws {
  let (rank, size) = (communicator.rank, communicator.size)
  let count = 5
  let mine: [Element] = values(rank, count)
  let all: [Element] = (0..<size).flatMap { values($0, count) }

  let gathered = try exchanged(mine, into: Array(repeating: 0, count: count * size)) {
    try communicator.allGather($0, into: $1)
  }
  expectEqual(gathered, all, "all-gather of \(element)")

  for root in [0, size - 1] {
    let copy = try communicator.broadcast(mine, root: root)
    expectEqual(copy, values(root, count), "broadcast of \(element) from \(root)")
  }

  // Rank r sends its block j to rank j: rank j gets block j of every rank.
  let blocks: [Element] = (0..<size).flatMap { [value(rank, $0), value($0, rank)] }
  let exchangedBlocks = try exchanged(blocks, into: blocks.map { _ in 0 }) {
    try communicator.allToAll($0, into: $1)
  }
  expectEqual(
    exchangedBlocks, (0..<size).flatMap { [value($0, rank), value(rank, $0)] as [Element] },
    "all-to-all of \(element)")
}

let collectiveChecks: [Check] = [
  Check("reductions are exact for every element type") { communicator in
    try checkReductions(Float.self, communicator, product: *)
    try checkReductions(Double.self, communicator, product: *)
    try checkReductions(Int8.self, communicator, product: &*)
    try checkReductions(UInt8.self, communicator, product: &*)
    try checkReductions(Int32.self, communicator, product: &*)
    try checkReductions(UInt32.self, communicator, product: &*)
    try checkReductions(Int64.self, communicator, product: &*)
    try checkReductions(UInt64.self, communicator, product: &*)
    try checkReductions(Int.self, communicator, product: &*)
  },

  Check("bitwise and logical reductions are right for every integer type") { communicator in
    try checkBits(Int8.self, communicator)
    try checkBits(UInt8.self, communicator)
    try checkBits(Int32.self, communicator)
    try checkBits(UInt32.self, communicator)
    try checkBits(Int64.self, communicator)
    try checkBits(UInt64.self, communicator)
    try checkBits(Int.self, communicator)
  },

  Check("gathers, broadcasts and all-to-all move every element type") { communicator in
    try checkMovement(Float.self, communicator)
    try checkMovement(Double.self, communicator)
    try checkMovement(Int8.self, communicator)
    try checkMovement(UInt8.self, communicator)
    try checkMovement(Int32.self, communicator)
    try checkMovement(UInt32.self, communicator)
    try checkMovement(Int64.self, communicator)
    try checkMovement(UInt64.self, communicator)
    try checkMovement(Int.self, communicator)
  },

  Check("64-bit integers keep all their bits") { communicator in
    let high = UInt64(1) << 63 | UInt64(communicator.rank)
    expectEqual(
      try communicator.allGather(high),
      (0..<communicator.size).map { UInt64(1) << 63 | UInt64($0) }, "gathered")
    expectEqual(
      try communicator.allReduce(high, .max), UInt64(1) << 63 | UInt64(communicator.size - 1),
      "largest, unsigned")
    expectEqual(
      try communicator.allReduce(Int64.min + Int64(communicator.rank), .min), Int64.min,
      "smallest, signed")
  },

  Check("the place of the smallest and the largest value is found") { communicator in
    let (rank, size) = (communicator.rank, communicator.size)
    // Distances from rank size/2: the smallest there; the largest at rank 0 or at the last.
    let mine = ValueAndRank(value: Double(abs(rank - size / 2)), rank: rank)
    let smallest = try communicator.allReduce(mine, .minLocation)
    expectEqual(smallest, ValueAndRank(value: 0, rank: size / 2), "smallest")
    let largest = try communicator.allReduce(mine, .maxLocation)
    expectEqual(largest, ValueAndRank(value: Double(size / 2), rank: 0), "largest")
  },

  Check("an all-reduce of a million elements is exact") { communicator in
    let count = 1 << 20
    let ranks = communicator.size
    let mine = (0..<count).map { Float(($0 + communicator.rank) % 1000) }
    let sums = try communicator.allReduce(mine, .sum)
    let wrong = (0..<count).first { index in
      sums[index] != (0..<ranks).reduce(0) { $0 + Float((index + $1) % 1000) }
    }
    expectEqual(wrong, nil, "first wrong element")
  },

  Check("an all-reduce of nothing returns") { communicator in
    expectEqual(try communicator.allReduce([Float](), .sum), [], "nothing")
  },

  Check("no rank passes a barrier before the last has come") { communicator in
    // Each rank in turn is late. Times are compared between ranks that share a clock.
    let host = try communicator.splitBySharedMemory()
    for late in 0..<communicator.size {
      for isNonBlocking in [false, true] {
        if communicator.rank == late { usleep(20_000) }
        let entered = monotonicNanoseconds()
        if isNonBlocking {
          try communicator.iBarrier().wait()
        } else {
          try communicator.barrier()
        }
        let left = monotonicNanoseconds()
        let lastEntered = try host.allReduce(entered, .max)
        expect(left >= lastEntered, "left \(lastEntered - left) ns too early, rank \(late) late")
      }
    }
  },

  Check("an all-gather in place keeps this rank's block") { communicator in
    let (rank, size) = (communicator.rank, communicator.size)
    var blocks = [Int32](repeating: -1, count: 3 * size)
    for index in 0..<3 { blocks[rank * 3 + index] = Int32(rank * 10 + index) }
    let result = try withBuffer(blocks) { buffer in
      try communicator.allGather(inPlace: buffer)
      return Array(buffer)
    }
    expectEqual(
      result, (0..<size).flatMap { rank in (0..<3).map { Int32(rank * 10 + $0) } }, "blocks")
  },

  Check("uneven blocks are gathered by all, empty ones included") { communicator in
    let (rank, size) = (communicator.rank, communicator.size)
    let counts = unevenCounts(size)
    let layout = try BlockLayout(counts: counts)
    let expected: [Float] = (0..<size).flatMap { values($0, counts[$0]) }
    let gathered = try exchanged(
      values(rank, counts[rank]), into: [Float](repeating: -1, count: layout.extent)
    ) { try communicator.allGatherV($0, into: $1, layout) }
    expectEqual(gathered, expected, "all-gatherv")

    var own = [Float](repeating: -1, count: layout.extent)
    own.replaceSubrange(layout.range(of: rank), with: values(rank, counts[rank]))
    let inPlace = try withBuffer(own) { buffer in
      try communicator.allGatherV(inPlace: buffer, layout)
      return Array(buffer)
    }
    expectEqual(inPlace, expected, "all-gatherv in place")
  },

  Check("displaced blocks leave the gaps between them alone") { communicator in
    // Blocks of two, three apart, in descending order of rank.
    let (rank, size) = (communicator.rank, communicator.size)
    let layout = try BlockLayout(
      counts: Array(repeating: 2, count: size),
      displacements: (0..<size).map { (size - 1 - $0) * 3 })
    let gathered = try exchanged([rank, rank], into: [Int](repeating: -1, count: size * 3)) {
      try communicator.allGatherV($0, into: $1, layout)
    }
    expectEqual(gathered, (0..<size).reversed().flatMap { [$0, $0, -1] }, "blocks")
  },

  Check("when all blocks are empty an all-gatherv returns") { communicator in
    let layout = try BlockLayout(counts: Array(repeating: 0, count: communicator.size))
    let gathered = try exchanged([Float](), into: []) {
      try communicator.allGatherV($0, into: $1, layout)
    }
    expectEqual(gathered, [], "nothing")
  },

  Check("reduce-scatter gives each rank its block of the sums") { communicator in
    let (rank, size) = (communicator.rank, communicator.size)
    let count = 4
    let result = try exchanged(
      values(rank, count * size), into: [Int32](repeating: 0, count: count)
    ) { try communicator.reduceScatter($0, into: $1, .sum) }
    let expected: [Int32] = (0..<count).map { index in
      (0..<size).reduce(0) { $0 + value($1, rank * count + index) }
    }
    expectEqual(result, expected, "block")
  },

  Check("reduce-scatter with uneven counts, empty ones included") { communicator in
    let (rank, size) = (communicator.rank, communicator.size)
    let layout = try BlockLayout(counts: unevenCounts(size))
    let expected: [Double] = layout.range(of: rank).map { index in
      (0..<size).reduce(0) { $0 + value($1, index) }
    }
    let result = try exchanged(
      values(rank, layout.extent), into: [Double](repeating: 0, count: expected.count)
    ) { try communicator.reduceScatter($0, into: $1, layout, .sum) }
    expectEqual(result, expected, "block")
    let inPlace = try withBuffer(values(rank, layout.extent) as [Double]) { buffer in
      try communicator.reduceScatter(inPlace: buffer, layout, .sum)
      return Array(buffer[..<expected.count])
    }
    expectEqual(inPlace, expected, "block in place")
  },

  Check("gathers reach each root and no other rank") { communicator in
    let (rank, size) = (communicator.rank, communicator.size)
    let counts = unevenCounts(size)
    let layout = try BlockLayout(counts: counts)
    for root in 0..<size {
      let even = try exchanged([rank, -rank], into: [Int](repeating: 9, count: 2 * size)) {
        try communicator.gather($0, into: $1, root: root)
      }
      let untouched = [Int](repeating: 9, count: 2 * size)
      expectEqual(
        even, rank == root ? (0..<size).flatMap { [$0, -$0] } : untouched, "gather to \(root)")
      let uneven = try exchanged(
        values(rank, counts[rank]), into: [Float](repeating: 0, count: layout.extent)
      ) { try communicator.gatherV($0, into: $1, layout, root: root) }
      if rank == root {
        expectEqual(uneven, (0..<size).flatMap { values($0, counts[$0]) }, "gatherv to \(root)")
      }
    }
  },

  Check("all-to-all with uneven blocks") { communicator in
    // Rank i sends (i + 2j) mod 4 copies of 100 i + j to rank j.
    let (rank, size) = (communicator.rank, communicator.size)
    func count(from i: Int, to j: Int) -> Int { (i + 2 * j) % 4 }
    let sent = try BlockLayout(counts: (0..<size).map { count(from: rank, to: $0) })
    let received = try BlockLayout(counts: (0..<size).map { count(from: $0, to: rank) })
    let source = (0..<size).flatMap {
      [Int32](repeating: Int32(100 * rank + $0), count: count(from: rank, to: $0))
    }
    let result = try exchanged(source, into: [Int32](repeating: -1, count: received.extent)) {
      try communicator.allToAllV($0, sent, into: $1, received)
    }
    let expected = (0..<size).flatMap {
      [Int32](repeating: Int32(100 * $0 + rank), count: count(from: $0, to: rank))
    }
    expectEqual(result, expected, "blocks")
  },
]
