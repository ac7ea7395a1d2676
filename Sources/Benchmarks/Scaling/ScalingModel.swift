/// How long a step takes with other hosts: a replay of a measured one.

import Distributed

/// The network between the hosts: Hockney's α-β model, with γ for additions (Thakur, Rabenseifner and
/// Gropp 2005, section 3).
package struct NetworkModel {
  /// α: seconds from the end of sending to the arrival.
  var latency: Double
  /// β: seconds that a byte keeps a host's link.
  var secondsPerByte: Double
  /// γ: seconds that adding a byte of gradients to another takes.
  var secondsPerAddedByte: Double

  package init(latency: Double, secondsPerByte: Double, secondsPerAddedByte: Double = 0) {
    self.latency = latency
    self.secondsPerByte = secondsPerByte
    self.secondsPerAddedByte = secondsPerAddedByte
  }
}

/// The exchanges of one host as `RecursiveHalvingExchange`, `PairwiseExchange`, `RecursiveDoublingExchange` and
/// `AllGatherExchange` make them, on a link of its own, while all hosts do the same at the same time.
///
/// As in the program, gradient messages are tested and sent after each exchange of statistics in a layer
/// and at the end.
package struct ScalingModel {
  let network: NetworkModel
  let hosts: HostDivision
  /// Ends of the gradients' buckets, in elements of the weights region.
  let buckets: [Range<Int>]
  /// Bytes of a gradient on its way: 4, or 2 with compression.
  let bytesPerGradient: Int

  /// What a step's time consists of.
  package struct Outcome: Equatable {
    package var seconds = 0.0
    /// Waits for statistics of other hosts.
    package var statistics = 0.0
    /// The wait for gradients after the backward pass.
    package var gradients = 0.0
  }

  package init(
    network: NetworkModel, hosts: HostDivision, buckets: [Range<Int>], bytesPerGradient: Int
  ) {
    self.network = network
    self.hosts = hosts
    self.buckets = buckets
    self.bytesPerGradient = bytesPerGradient
  }

  /// - Parameter parts: passes of a step (`--accumulate`).
  package func step(_ trace: StepTrace, parts: Int = 1) -> Outcome {
    var replay = Replay(model: self)
    replay.run(trace.pass)
    var outcome = replay.outcome
    outcome.seconds = outcome.seconds * Double(parts) + trace.update
    outcome.statistics *= Double(parts)
    outcome.gradients *= Double(parts)
    return outcome
  }

  /// The bytes that a bucket sends over the link, message by message.
  package func messages(ofBucket count: Int) -> [(bytes: Double, addedBytes: Double)] {
    let bytes = Double(count * bytesPerGradient)
    let added = Double(count * MemoryLayout<Float>.stride)
    let count = Double(hosts.count)
    if hosts.count == 1 { return [] }
    guard hosts.gradientsAreHalved else {
      let others = (count - 1) / count
      let pieces = Double(hosts.gradientPieces)
      return [
        (bytes: bytes * others * pieces, addedBytes: added * (count * pieces - 1) / count),
        (bytes: bytes * others, addedBytes: 0),
      ]
    }
    let shares = (1...hosts.count.trailingZeroBitCount).map { 1 / Double(1 << $0) }
    return shares.map { (bytes: bytes * $0, addedBytes: added * $0) }
      + shares.reversed().map { (bytes: bytes * $0, addedBytes: 0) }
  }

  /// Bytes over the link, and latencies until they are there.
  typealias Round = (bytes: Double, latencies: Double)

  /// The exchange of a layer's statistics.
  func statisticsRounds(width: Int) -> [Round] {
    Self.rounds(
      width: width, hosts: hosts.layerHosts, areDoubled: hosts.layersAreDoubled,
      pieces: hosts.layerPieces)
  }

  /// The sum of numbers over the mini-batch, whose pieces are those of the gradients.
  func totalRounds(width: Int) -> [Round] {
    Self.rounds(
      width: width, hosts: hosts.count, areDoubled: hosts.gradientsAreHalved,
      pieces: hosts.gradientPieces)
  }

  private static func rounds(
    width: Int, hosts: Int, areDoubled: Bool, pieces: Int
  ) -> [Round] {
    if hosts == 1 { return [] }
    let number = Double(MemoryLayout<Double>.stride)
    if areDoubled {
      let bytes = Double(RecursiveDoublingExchange.numbers(width: width)) * number
      return Array(repeating: (bytes, 1), count: hosts.trailingZeroBitCount)
    }
    let others = hosts - 1
    let numbers = AllGatherExchange.numbers(pieces: pieces, width: width)
    return [
      (Double(others * numbers) * number, Double(Int.bitWidth - others.leadingZeroBitCount))
    ]
  }
}

/// One host's step, event by event.
private struct Replay {
  let model: ScalingModel
  private(set) var outcome = ScalingModel.Outcome()
  private var now = 0.0
  /// When the link has sent everything queued on it.
  private var linkFreeAt = 0.0
  /// Elements of the weights region that are complete.
  private var completed = 0
  /// Buckets begun.
  private var started = 0
  /// Messages of gradients under way, in the order of their arrival.
  private var underWay: [(arrival: Double, bucket: Int, message: Int)] = []
  private var firstUnderWay = 0
  private let messages: [[(bytes: Double, addedBytes: Double)]]

  init(model: ScalingModel) {
    self.model = model
    messages = model.buckets.map { model.messages(ofBucket: $0.count) }
  }

  mutating func run(_ events: [StepTrace.Event]) {
    for event in events {
      switch event {
      case .compute(let seconds): now += seconds
      case .completed(let count): completed = count
      case .statistics(let width):
        exchange(model.statisticsRounds(width: width))
        advance()
      case .total(let width): exchange(model.totalRounds(width: width))
      }
    }
    let began = now
    advance()
    while firstUnderWay < underWay.count {
      now = max(now, underWay[firstUnderWay].arrival)
      advance()
    }
    outcome.gradients += now - began
    outcome.seconds = now
  }

  /// When `bytes` that are sent now arrive.
  private mutating func arrival(_ bytes: Double, latencies: Double = 1) -> Double {
    linkFreeAt = max(now, linkFreeAt) + bytes * model.network.secondsPerByte
    return linkFreeAt + latencies * model.network.latency
  }

  private mutating func send(bucket: Int, message: Int) {
    guard message < messages[bucket].count else { return }
    underWay.append((arrival(messages[bucket][message].bytes), bucket, message))
  }

  /// Takes what has arrived, and sends what follows and what is complete.
  private mutating func advance() {
    while started < messages.count, model.buckets[started].upperBound <= completed {
      send(bucket: started, message: 0)
      started += 1
    }
    while firstUnderWay < underWay.count, underWay[firstUnderWay].arrival <= now {
      let (_, bucket, message) = underWay[firstUnderWay]
      firstUnderWay += 1
      now += messages[bucket][message].addedBytes * model.network.secondsPerAddedByte
      send(bucket: bucket, message: message + 1)
    }
  }

  private mutating func exchange(_ rounds: [ScalingModel.Round]) {
    let began = now
    for round in rounds {
      let end = arrival(round.bytes, latencies: round.latencies)
      now = max(now, end)
    }
    outcome.statistics += now - began
  }
}
