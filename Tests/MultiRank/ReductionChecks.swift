/// Checks of the statistics exchange and the gradient reduction against serial sums.

import Distributed
import Glibc
import MPI
import Networks
import Tensors

/// Numbers that every rank can make for every shard: no two sums of them round alike by chance.
private func number(_ shard: Int, _ index: Int) -> Float {
  var bits = UInt64(shard &* 7919 &+ index &* 104_729 &+ 1)
  bits ^= bits << 13
  bits ^= bits >> 7
  bits ^= bits << 17
  return Float(Int32(truncatingIfNeeded: bits)) * 0x1p-20
}

/// The sum over all shards in the tree's order, element by element.
private func treeSum(_ tree: ReductionTree, _ index: Int, shards: Range<Int>) -> Float {
  var values = shards.map { number($0, index) }
  for merge in tree.merges(of: shards) {
    values[merge.into - shards.lowerBound] += values[merge.from - shards.lowerBound]
  }
  return values[0]
}

/// What a rule makes of one group of shards, one after the other in its tree's order.
private func merged(
  _ rule: StatisticsRule, group: Range<Int>, round: Int
) -> [Double] {
  var values = group.flatMap { shard in
    (0..<rule.width).map { abs(Double(number(shard, $0))) + Double(round) }
  }
  let merges = rule.division.merges(of: group.map { $0..<$0 + 1 }, to: [group])
  values.withUnsafeMutableBufferPointer { rule.merge(MutableVectorView($0), merges) }
  return Array(values.prefix(rule.width))
}

/// Combines numbers that tell their shard, place and round apart.
private func checkStatistics(
  _ communicator: Communicator, _ sizes: [Int], _ division: NormalizationGroups
) throws {
  let groups = RankGroups(sizes: sizes)
  let exchange = try ClusteredStatisticsExchange(
    try communicator.duplicate(),
    group: try communicator.split(color: groups.group(of: communicator.rank)) as Communicator,
    hosts: groups, division: division, widths: .init(layers: 40, whole: 40),
    yieldsWhileWaiting: true,
    progress: CommunicationProgress(communicator))
  let whole = NormalizationGroups(whole: division.layout)
  for (round, width) in [2, 4, 34, 40, 2].enumerated() {
    for (division, kind) in [
      (division, StatisticsRule.Kind.sums), (division, .moments(area: 3)), (whole, .sums),
    ] {
      let rule = StatisticsRule(kind, width: width, division: division)
      var local = division.layout.localShards.flatMap { shard in
        (0..<width).map { abs(Double(number(shard, $0))) + Double(round) }
      }
      let all = AlignedBuffer<Double>(count: division.localGroups.count * width)
      all.view.update(repeating: .nan)
      try local.withUnsafeMutableBufferPointer {
        let local = MutableVectorView($0)
        rule.mergeLocalShards(local)
        try exchange.combine(VectorView(local), into: all.view, by: rule)
      }
      expectEqual(
        Array(all.elements),
        division.groups[division.localGroups].flatMap { merged(rule, group: $0, round: round) },
        "hosts of \(sizes) ranks, \(division.layout.shards) shards, \(division.groups.count) "
          + "groups, width \(width), \(kind)")
    }
  }
}

let reductionChecks: [Check] = [
  Check("what is registered with the progress engine advances at each poll, as long as it lives") {
    communicator in
    final class Counter: PendingCommunication {
      var count = 0
      func advance() { count += 1 }
    }
    let progress = CommunicationProgress(communicator)
    let first = Counter()
    var second: Counter? = Counter()
    progress.register(first)
    progress.register(second!)
    try progress.poll()
    try progress.deliver()
    expectEqual([first.count, second!.count], [1, 1], "advances after one poll")
    weak let watched = second
    second = nil
    expect(watched == nil, "the progress engine keeps what nobody else does")
    try progress.poll()
    expectEqual(first.count, 2, "advances after two polls")
  },
  Check("every rank gets every BN group's statistics, for any hosts, shards and groups") {
    communicator in
    let size = communicator.size
    for sizes in hostSizes(size) {
      for (shards, groups) in [(size, 1), (size + 3, 1), (2 * size, 2), (16, 4), (24, 3), (8, 8)]
      where shards >= size {
        let layout = try ShardLayout(
          batch: 48 * groups, shards: shards, ranks: size, rank: communicator.rank)
        try checkStatistics(
          communicator, sizes, try NormalizationGroups(layout, imagesPerGroup: 48))
      }
    }
  },
  Check("ranks that exchange statistics of different layers or lengths are all told") {
    communicator in
    let size = communicator.size
    if size == 1 { return }
    let layout = try ShardLayout(batch: 64, shards: size, ranks: size, rank: communicator.rank)
    let division = NormalizationGroups(whole: layout)
    for sizes in [[size], Array(repeating: 1, count: size)] {
      for (layer, width) in [(4, 6), (3, 8)] {
        let groups = RankGroups(sizes: sizes)
        let rankProgress = try RankProgress(
          local: communicator.duplicate(), rank: communicator.rank)
        let exchange = try HostStatisticsExchange(
          try communicator.duplicate(), of: 0..<size,
          group: try communicator.split(color: groups.group(of: communicator.rank)) as Communicator,
          hosts: groups, division: division, maximumWidth: 8, yieldsWhileWaiting: true,
          progress: CommunicationProgress(communicator), rankProgress: rankProgress)
        let isAstray = communicator.rank == size - 1
        rankProgress.willRun(layer: isAstray ? layer : 3, backward: true)
        // Between hosts a longer message is an error of MPI's at once.
        let own = isAstray && sizes.count == 1 ? width : 6
        let numbers = AlignedBuffer<Double>(count: 8)
        let result = AlignedBuffer<Double>(count: 8)
        numbers.view.update(repeating: 1)
        do {
          let rule = StatisticsRule(.sums, width: own, division: division)
          try exchange.combine(VectorView(numbers.view), into: result.view, by: rule)
          if layer != 3 || sizes.count == 1 {
            expect(false, "hosts of \(sizes): nothing was noticed")
          }
        } catch let error as RanksOutOfStep {
          expect(
            (error.otherRank == size - 1) != isAstray && "\(error)".contains("step 0"),
            "hosts of \(sizes): \(error)")
        }
      }
    }
  },
  Check("a rank that waits for statistics in shared memory lets its messages advance") {
    communicator in
    let size = communicator.size
    if size < 4 || size % 2 == 1 { return }
    let layout = try ShardLayout(batch: 64, shards: size, ranks: size, rank: communicator.rank)
    let groups = RankGroups(sizes: [size / 2, size / 2])
    let host = groups.group(of: communicator.rank)
    let division = NormalizationGroups(whole: layout)
    let exchange = try HostStatisticsExchange(
      try communicator.duplicate(), of: 0..<size,
      group: try communicator.split(color: host) as Communicator, hosts: groups, division: division,
      maximumWidth: 2, yieldsWhileWaiting: true, progress: CommunicationProgress(communicator))
    let barrier = try communicator.duplicate()
    // The barrier takes several messages of each rank. The second host waits for its end, so the
    // first host's ranks have to send the later ones while they wait for the second's statistics.
    if host == 1 { usleep(50_000) }
    var barriers = RequestSet()
    barriers.insert(try barrier.iBarrier())
    if host == 1 { try barriers.waitAll() }
    let numbers = AlignedBuffer<Double>(count: 2)
    let sums = AlignedBuffer<Double>(count: 2)
    numbers.view[0] = 1
    numbers.view[1] = Double(communicator.rank)
    try exchange.combine(
      VectorView(numbers.view), into: sums.view,
      by: StatisticsRule(.sums, width: 2, division: division))
    try barriers.waitAll()
    expectEqual(
      Array(sums.elements), [Double(size), Double(size * (size - 1) / 2)], "sums over two hosts")
  },
  Check("gradients are the serial sum in the tree's order, bit for bit, for any shards and lengths")
  {
    communicator in
    for sizes in hostSizes(communicator.size) {
      for shards in [1, 2, 3, 5, 6, 8, 12, 16, 31] where shards >= communicator.size {
        for (count, bucket) in [(1, 1), (7, 2), (1000, 300), (10_007, 3_000)] {
          try checkTreeReduction(communicator, sizes, shards: shards, count: count, bucket: bucket)
        }
      }
    }
  },
  Check("compressed gradients are the sum up to bfloat16's rounding, with equal bits on all hosts")
  {
    communicator in
    let size = communicator.size
    for sizes in hostSizes(size) {
      let layout = try ShardLayout(
        batch: 64, shards: 2 * size, ranks: size, rank: communicator.rank)
      let groups = RankGroups(sizes: sizes)
      let reduction = try TreeReduction(
        try communicator.duplicate(),
        group: try communicator.split(color: groups.group(of: communicator.rank)) as Communicator,
        groups: groups, layout: layout, extent: GradientExtent(weights: 5003, parameters: 5003),
        bucketSize: 700, yieldsWhileWaiting: true, compression: .bf16,
        progress: CommunicationProgress(communicator))
      // A part in 2^8 of the largest of what is rounded, at each of the levels.
      try checkSteps(reduction, layout, count: 5003, what: "hosts of \(sizes)") { sum, expected in
        sizes.count == 1 ? sum == expected : abs(sum - expected) <= 2048 * Float(sizes.count) / 32
      }
      let sums = Array(reduction.memory.sum.elements)
      let first = try communicator.broadcast(sums)
      expect(sums == first, "hosts of \(sizes): the ranks' sums differ")
      if sizes.count > 1 {
        expect(
          sums.allSatisfy { $0.bitPattern & 0xffff == 0 }, "hosts of \(sizes): not bfloat16")
      }
    }
  },
  Check("MPI's own reduction gives the serial sum up to rounding") { communicator in
    let size = communicator.size
    let layout = try ShardLayout(
      batch: 64, shards: size + 3, ranks: size, rank: communicator.rank)
    let count = 5000
    let reduction = MPIReduction(
      try communicator.duplicate(), layout: layout,
      extent: GradientExtent(weights: count, parameters: count + 3), bucketSize: 700,
      progress: CommunicationProgress(communicator))
    try checkSteps(reduction, layout, count: count, what: "\(size) ranks") { sum, expected in
      abs(sum - expected) <= 1e-5 * max(abs(expected), 1000)
    }
  },
]

/// Ways to spread `ranks` ranks over hosts.
private func hostSizes(_ ranks: Int) -> [[Int]] {
  let alone = Array(repeating: 1, count: ranks)
  var ways = [[ranks], alone]
  if ranks > 2 { ways += [[1, ranks - 1], [ranks - 1, 1]] }
  if ranks % 2 == 0, ranks > 2 {
    ways += [[ranks / 2, ranks / 2], Array(repeating: 2, count: ranks / 2)]
  }
  if ranks == 8 { ways += [[3, 2, 3], [2, 4, 2]] }
  return ways
}

/// Sums made-up gradients over ranks that are told to be on different hosts.
private func checkTreeReduction(
  _ communicator: Communicator, _ sizes: [Int], shards: Int, count: Int, bucket: Int
) throws {
  let layout = try ShardLayout(
    batch: 64, shards: shards, ranks: communicator.size, rank: communicator.rank)
  let groups = RankGroups(sizes: sizes)
  let group = try communicator.split(color: groups.group(of: communicator.rank))
  let reduction = try TreeReduction(
    try communicator.duplicate(), group: group, groups: groups, layout: layout,
    extent: GradientExtent(weights: count, parameters: count + 5), bucketSize: bucket,
    yieldsWhileWaiting: true, progress: CommunicationProgress(communicator))
  let what = "hosts of \(sizes) ranks, \(shards) shards, \(count) elements"
  try checkSteps(reduction, layout, count: count, what: what) { $0.bitPattern == $1.bitPattern }
}

/// Three steps of a reduction, filled as a backward pass does it, at another pace on each rank.
private func checkSteps(
  _ reduction: any GradientReduction, _ layout: ShardLayout, count: Int, what: String,
  isRight: (_ sum: Float, _ expected: Float) -> Bool
) throws {
  let tree = layout.tree
  let nodes = tree.nodes(covering: layout.localShards)
  for step in 0..<3 {
    try reduction.begin()
    var first = 0
    while first < count {
      let end = min(count, first + max(1, count / (3 + layout.rank % 3)))
      for (node, memory) in zip(nodes, reduction.memory.nodes) {
        for index in first..<end { memory[index] = treeSum(tree, index + step, shards: node) }
      }
      try reduction.didComplete(weightGradients: end)
      first = end
    }
    try reduction.finish()
    let wrong = (0..<count).first {
      !isRight(reduction.memory.sum[$0], treeSum(tree, $0 + step, shards: 0..<layout.shards))
    }
    reduction.release()
    expect(wrong == nil, "\(what), step \(step): element \(wrong ?? -1) differs")
  }
}
