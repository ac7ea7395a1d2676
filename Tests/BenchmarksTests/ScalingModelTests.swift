/// Replays of steps whose times can be reckoned by hand.

import Benchmarks
import Distributed
import Networks
import Settings
import Testing

/// Hosts that meet in pairs.
private func pairedHosts(_ count: Int) -> HostDivision {
  HostDivision(
    count: count, gradientsAreHalved: true, gradientPieces: 1, layerHosts: count,
    layersAreDoubled: true,
    layerPieces: 1)
}

private func model(
  _ hosts: HostDivision, latency: Double = 0, bytesPerSecond: Double = .infinity,
  secondsPerAddedByte: Double = 0, buckets: [Range<Int>] = [0..<1000, 1000..<2000]
) -> ScalingModel {
  ScalingModel(
    network: NetworkModel(
      latency: latency, secondsPerByte: 1 / bytesPerSecond,
      secondsPerAddedByte: secondsPerAddedByte), hosts: hosts, buckets: buckets, bytesPerGradient: 4
  )
}

private func isClose(_ first: Double, _ second: Double) -> Bool {
  abs(first - second) <= 1e-9 * max(1, abs(second))
}

@Suite struct ScalingModelTests {
  private let step = StepTrace(
    pass: [
      .compute(1), .statistics(width: 5), .compute(2), .completed(count: 1000), .compute(3),
      .completed(count: 2000), .compute(0.5),
    ], update: 0.25)

  @Test("one host takes what was measured, in parts once for each")
  func oneHost() {
    let outcome = model(pairedHosts(1), latency: 9, bytesPerSecond: 1).step(step)
    #expect(isClose(outcome.seconds, 6.75) && outcome.statistics == 0 && outcome.gradients == 0)
    #expect(isClose(model(pairedHosts(1)).step(step, parts: 4).seconds, 4 * 6.5 + 0.25))
  }

  @Test("statistics cost log2 of the hosts latencies, and each round's bytes")
  func statistics() {
    // (5 + 5) numbers of 8 bytes three times over, one byte a second: 3 · (80 + 0.5).
    let slow = model(pairedHosts(8), latency: 0.5, bytesPerSecond: 1, buckets: [])
    #expect(isClose(slow.step(step).statistics, 3 * 80.5))
    #expect(isClose(slow.step(step).seconds, 6.75 + 3 * 80.5))
  }

  @Test("gathered statistics cost every other host's pieces")
  func gathered() {
    let hosts = HostDivision(
      count: 6, gradientsAreHalved: true, gradientPieces: 1, layerHosts: 6,
      layersAreDoubled: false, layerPieces: 2)
    // 5 hosts' 2 + 2 · 5 numbers, and 3 latencies.
    let outcome = model(hosts, latency: 0.5, bytesPerSecond: 1, buckets: []).step(step)
    #expect(isClose(outcome.statistics, 5 * 12 * 8 + 1.5))
  }

  @Test("gradients move beside the backward pass, looked for after each exchange of statistics")
  func overlap() {
    // BN groups inside the hosts: the exchanges take no time, but messages are looked for there.
    let pair = HostDivision(
      count: 2, gradientsAreHalved: true, gradientPieces: 1, layerHosts: 1,
      layersAreDoubled: false, layerPieces: 1)
    let step = StepTrace(
      pass: [
        .compute(3), .completed(count: 1000), .statistics(width: 5), .compute(3),
        .completed(count: 2000), .statistics(width: 5), .compute(0.5),
      ], update: 0.25)
    // A bucket is two messages of 2000 bytes between two hosts, 1 s each. The first starts at 3, its
    // message is found at 6, with the second bucket's start; then the link sends first the second
    // bucket's half (6…7), then the first's (7…8), then the second's other half (8…9).
    let outcome = model(pair, bytesPerSecond: 2000).step(step)
    #expect(isClose(outcome.seconds, 9 + 0.25))
    #expect(isClose(outcome.gradients, 9 - 6.5))
    // On a link of 4 times the bandwidth: the second bucket's first half arrives at 6.25, the first's
    // second half at 6.5; both are found at 6.5, the last message takes 0.25 s more.
    #expect(isClose(model(pair, bytesPerSecond: 8000).step(step).gradients, 0.25))
    // Without exchanges nothing is sent before the end: both first halves 6.5…8.5, and the second
    // halves as their first ones arrive, the last 9.5…10.5.
    let silent = StepTrace(
      pass: step.pass.filter { $0 != .statistics(width: 5) }, update: step.update)
    #expect(isClose(model(pair, bytesPerSecond: 2000).step(silent).gradients, 4))
  }

  @Test("halving and doubling move 2(1 - 1/H) of a bucket and add up 1 - 1/H of it")
  func halving() {
    let messages = model(pairedHosts(8)).messages(ofBucket: 1000)
    #expect(messages.map(\.bytes) == [2000, 1000, 500, 500, 1000, 2000])
    #expect(messages.map(\.addedBytes) == [2000, 1000, 500, 0, 0, 0])
    // Additions keep the rank busy: 3500 bytes a bucket.
    let adding = model(pairedHosts(8), secondsPerAddedByte: 1e-3).step(step)
    #expect(isClose(adding.seconds, 6.75 + 2 * 3.5))
  }

  @Test("hosts that are no power of two send each other their pieces")
  func direct() throws {
    let layout = try ShardLayout(batch: 30, shards: 6, ranks: 3)
    let hosts = try HostDivision(layout, hosts: 3, imagesPerGroup: nil)
    #expect(!hosts.gradientsAreHalved && !hosts.layersAreDoubled && hosts.gradientPieces == 1)
    let messages = model(hosts).messages(ofBucket: 300)
    #expect(messages.map(\.bytes) == [800, 800])
    #expect(messages.map(\.addedBytes) == [800, 0])
  }

  @Test("2^k hosts of 2^n shards meet in pairs, as far as BN groups reach")
  func divisions() throws {
    let layout = try ShardLayout(batch: 1024, shards: 64, ranks: 32)
    #expect(try HostDivision(layout, hosts: 8, imagesPerGroup: nil) == pairedHosts(8))
    // Two groups in each host: nothing to exchange with others.
    let inside = try HostDivision(layout, hosts: 8, imagesPerGroup: 64)
    #expect(inside.gradientsAreHalved && inside.layerHosts == 1)
    #expect(model(inside, latency: 1).step(step).statistics == 0)
    // A group over two hosts each.
    let pairs = try HostDivision(layout, hosts: 8, imagesPerGroup: 256)
    #expect(pairs.layerHosts == 2 && pairs.layersAreDoubled && pairs.layerPieces == 1)
    #expect(isClose(model(pairs, latency: 1, buckets: []).step(step).statistics, 1))
    // What is summed over groups is summed over all hosts: 3 latencies.
    let totals = step.withTotals(width: 100)
    #expect(isClose(model(pairs, latency: 1, buckets: []).step(totals).statistics, 4))
    // 6 shards a host: the tree over 48 splits at 32, inside the sixth host.
    let uneven = try ShardLayout(batch: 1024, shards: 48, ranks: 8)
    #expect(try !HostDivision(uneven, hosts: 8, imagesPerGroup: nil).gradientsAreHalved)
  }

  @Test("compute between two measurements is a fixed part and one for each image")
  func interpolation() {
    let many = step
    var few = step
    few.pass[0] = .compute(0.4)
    few.pass[2] = .compute(2)
    few.pass[4] = .compute(0.1)
    let between = StepTrace.interpolated(images: 16, (8, few), (32, many))
    guard case .compute(let first) = between.pass[0], case .compute(let second) = between.pass[2],
      case .compute(let third) = between.pass[4]
    else {
      Issue.record("events have moved")
      return
    }
    #expect(isClose(first, 0.4 + 0.6 * 8 / 24))
    #expect(isClose(second, 2))
    // More than in proportion: no fixed part.
    #expect(isClose(third, 1.5))
    #expect(between.pass[1] == .statistics(width: 5) && between.update == 0.25)
  }

  @Test("a row has the fewest equal parts that ranks can hold, or none")
  func rows() throws {
    let predictor = ScalingPredictor(
      trace: (8, step), less: (1, step), network: NetworkModel(latency: 0, secondsPerByte: 0),
      configuration: TrainingConfiguration(), weights: 2000, totals: 16, threads: 2, ranksPerHost: 2
    )
    #expect(try predictor.row(ranks: 4, batch: 32).prediction?.parts == 1)
    #expect(try predictor.row(ranks: 4, batch: 96).prediction?.parts == 3)
    // 100 images of 4 ranks are 4 parts of 25: one rank of a part has 7.
    #expect(try predictor.row(ranks: 4, batch: 100).prediction?.parts == 4)
    #expect(try predictor.row(ranks: 4, batch: 7).prediction == nil)
    let row = try predictor.row(ranks: 4, batch: 96)
    #expect(row.hosts == 2)
    #expect(isClose(row.prediction!.stepSeconds, 3 * 6.5 + 0.25))
    #expect(isClose(row.prediction!.efficiency, 6.75 * 3 / (3 * 6.5 + 0.25)))
  }
}
