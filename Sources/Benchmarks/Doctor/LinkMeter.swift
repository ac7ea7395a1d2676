/// How fast ranks reach each other: latency and bandwidth of pairs, and of a sum over all.

import Distributed
import MPI
import System
import Tensors

struct LinkMeter: ~Copyable {
  private let ranks: ProcessGroup
  private let buffer: AlignedBuffer<Float>

  /// Messages as long as the longest of a run, and long enough for a rate: 4 MiB.
  private static let longMessage = 1 << 20
  private static let shortMessages = 100
  private static let longMessages = 5
  /// 32 MiB: longer ones have the same rate.
  private static let longestSum = 8 << 20

  init(_ ranks: ProcessGroup) {
    self.ranks = ranks
    buffer = AlignedBuffer(count: Self.longestSum)
  }

  /// Two ranks of each host, then each host and the next, every pair alone on its way. Collective; the
  /// result is rank 0's.
  func links() throws -> [Examination.Link] {
    let groups = ranks.hosts.groups
    var rounds = [groups.filter { $0.count > 1 }.map { [$0.lowerBound, $0.lowerBound + 1] }]
    for first in [0, 1] {
      rounds.append(
        stride(from: first, to: groups.count - 1, by: 2).map {
          [groups[$0].lowerBound, groups[$0 + 1].lowerBound]
        })
    }
    var own: [Double] = []
    for round in rounds {
      try ranks.control.barrier()
      guard let pair = round.first(where: { $0.contains(ranks.rank) }) else { continue }
      let latency = try exchange(pair, count: 2, times: Self.shortMessages)
      let seconds = try exchange(pair, count: Self.longMessage, times: Self.longMessages)
      if ranks.rank == pair[0] {
        own += [
          Double(pair[0]), Double(pair[1]), latency,
          Double(Self.longMessage * MemoryLayout<Float>.stride) / seconds,
        ]
      }
    }
    return try ranks.control.gather(own).flatMap { values in
      stride(from: 0, to: values.count, by: 4).map {
        Examination.Link(
          from: Int(values[$0]), to: Int(values[$0 + 1]), latencySeconds: values[$0 + 2],
          bytesPerSecond: values[$0 + 3])
      }
    }
  }

  /// Seconds of a message in one direction: half of the median round trip.
  private func exchange(_ pair: [Int], count: Int, times: Int) throws -> Double {
    let (send, receive) = (buffer.pointer, buffer.pointer + Self.longMessage)
    let outgoing = UnsafeBufferPointer(start: UnsafePointer(send), count: count)
    let incoming = UnsafeMutableBufferPointer(start: receive, count: count)
    var durations: [Double] = []
    // The first opens connections.
    for _ in 0...times {
      let began = MonotonicClock.now
      if ranks.rank == pair[0] {
        try ranks.control.send(outgoing, to: pair[1])
        try ranks.control.receive(into: incoming, from: pair[1])
      } else {
        try ranks.control.receive(into: incoming, from: pair[0])
        try ranks.control.send(outgoing, to: pair[0])
      }
      durations.append(MonotonicClock.now - began)
    }
    return durations.dropFirst().sorted()[times / 2] / 2
  }

  /// The median time of three all-reduces of `count` floats, at most 32 MiB. Collective; nil for one rank.
  func allReduce(count: Int) throws -> Examination.AllReduce? {
    if ranks.count == 1 { return nil }
    let count = min(count, Self.longestSum)
    let values = UnsafeMutableBufferPointer(start: buffer.pointer, count: count)
    var durations: [Double] = []
    for _ in 0..<4 {
      try ranks.control.barrier()
      let began = MonotonicClock.now
      try ranks.control.allReduce(inPlace: values, .sum)
      durations.append(MonotonicClock.now - began)
    }
    return .init(
      bytes: count * MemoryLayout<Float>.stride, seconds: durations.dropFirst().sorted()[1])
  }

  /// How far the hosts' clocks are ahead of rank 0's, as NTP finds it (RFC 5905, section 8): the time of the
  /// fastest of some round trips, taken in its middle. Collective; the result is rank 0's.
  ///
  /// - Parameter hosts: each host and its ranks.
  func clocks(_ hosts: [(name: String, ranks: [Int])]) throws -> [Examination.Clock] {
    var clocks: [Examination.Clock] = []
    for (name, members) in hosts where members[0] != 0 {
      let partner = members[0]
      var fastest = Double.infinity
      var offset = 0.0
      for _ in 0..<20 {
        if ranks.isFirst {
          let sent = WallClock.now
          try ranks.control.send([sent], to: partner)
          let there = try ranks.control.receive(Double.self, from: partner)[0]
          let received = WallClock.now
          if received - sent < fastest {
            fastest = received - sent
            offset = there - (sent + received) / 2
          }
        } else if ranks.rank == partner {
          _ = try ranks.control.receive(Double.self, from: 0)
          try ranks.control.send([WallClock.now], to: 0)
        }
      }
      if ranks.isFirst {
        clocks.append(
          .init(host: name, offsetSeconds: offset, uncertaintySeconds: fastest / 2))
      }
    }
    return clocks
  }
}
