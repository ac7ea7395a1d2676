/// What each rank did when, as a Chrome trace (`--timeline`).

import Foundation
import MPI

/// Records a rank's activities from the start until its memory for them is full.
///
/// Allocates nothing while it records.
final class Timeline {
  private struct Event {
    var place: WhereaboutsPage.Place
    /// An exchange of statistics inside the activity at `place`.
    var isExchange: Bool
    /// Seconds of the wall clock, which hosts have in common.
    var began: Double
    var ended: Double
  }

  /// 150,000 events are about a thousand steps of ResNet-20, and 15 MB of JSON a rank.
  private static let limit = 150_000
  private var events: [Event] = []
  private var present: Event?

  private let path: String

  /// Begins to record, once an empty trace could be written to `path`. Collective.
  init(path: String, ranks: Ranks) throws {
    self.path = path
    events.reserveCapacity(Self.limit)
    try ranks.onFirst { try AtomicFile.write(Self.trace([]), to: path) }
  }

  private static func trace(_ events: [String]) -> String {
    "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n\(events.joined(separator: ",\n"))\n]}\n"
  }

  static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  /// The last activity ends here, and the one at `place` begins.
  func move(to place: WhereaboutsPage.Place) {
    let now = Self.now
    if var present {
      present.ended = now
      append(present)
    }
    present = Event(place: place, isExchange: false, began: now, ended: now)
  }

  /// An exchange of statistics that began at `began` has ended.
  func exchanged(at place: WhereaboutsPage.Place, since began: Double) {
    append(Event(place: place, isExchange: true, began: began, ended: Self.now))
  }

  private func append(_ event: Event) {
    if events.count < Self.limit { events.append(event) }
  }

  /// Writes all ranks' events, from the first rank. Collective.
  ///
  /// The format is Chrome's trace events, in microseconds: a process for each rank, complete events
  /// ("ph": "X") with category and step. Perfetto (ui.perfetto.dev) and chrome://tracing show it.
  func write(layerNames: [String], ranks: Ranks) throws {
    let start = try ranks.control.allReduce(events.first?.began ?? .infinity, .min)
    let own = json(rank: ranks.rank, start: start, layerNames)
    if !ranks.isFirst { try ranks.control.send(Array(own.utf8), to: 0) }
    try ranks.onFirst {
      var parts = [own]
      for rank in 1..<max(1, ranks.count) {
        let bytes = try ranks.control.receive(UInt8.self, from: rank)
        parts.append(String(decoding: bytes, as: UTF8.self))
      }
      try AtomicFile.write(Self.trace(parts), to: path)
    }
  }

  private func json(rank: Int, start: Double, _ layerNames: [String]) -> String {
    var lines = [
      "{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":\(rank),\"args\":{\"name\":\"rank \(rank)\"}}",
      "{\"name\":\"process_sort_index\",\"ph\":\"M\",\"pid\":\(rank),"
        + "\"args\":{\"sort_index\":\(rank)}}",
    ]
    for event in events {
      let layer =
        layerNames.indices.contains(event.place.layer)
        ? layerNames[event.place.layer] : "layer \(event.place.layer)"
      let name = event.isExchange ? "statistics" : event.place.text(layerName: layer)
      let microseconds = (event.began - start) * 1e6
      let duration = (event.ended - event.began) * 1e6
      lines.append(
        "{\"name\":\"\(name)\",\"cat\":\"\(Self.category(event))\",\"ph\":\"X\",\"pid\":\(rank),"
          + "\"tid\":0,\"ts\":\(String(format: "%.1f", microseconds)),"
          + "\"dur\":\(String(format: "%.1f", duration)),\"args\":{\"step\":\(event.place.step)}}")
    }
    return lines.joined(separator: ",\n")
  }

  private static func category(_ event: Event) -> String {
    if event.isExchange { return "exchange" }
    switch event.place.activity {
    case .forward, .backward, .updating, .evaluating: return "compute"
    case .summing: return "wait"
    case .settingUp, .loading, .saving, .ended: return "other"
    }
  }
}
