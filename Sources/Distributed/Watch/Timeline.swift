/// What each rank did when, as a Chrome trace (`--timeline`).

import MPI
import System

/// Records a rank's activities from `begin` until its memory for them is full.
///
/// Allocates nothing while it records.
package final class Timeline {
  private struct Event {
    var position: ProgressPage.Position
    /// An exchange of statistics inside the activity at `position`.
    var isExchange: Bool
    /// Seconds by `Timeline.now`.
    var began: Double
    var ended: Double
  }

  /// 150,000 events are about a thousand steps of ResNet-20, and 15 MB of JSON a rank.
  private static let limit = 150_000
  private var events: [Event] = []
  private var present: Event?
  private var isRecording = false
  /// What the wall clock was ahead of the monotonic one when the recording began.
  private var ahead = 0.0

  package init() { events.reserveCapacity(Self.limit) }

  /// Records from now on.
  package func begin() {
    isRecording = true
    ahead = WallClock.now - MonotonicClock.now
  }

  /// Seconds of the wall clock, which hosts have in common, as if nobody had set it since the beginning.
  var now: Double { MonotonicClock.now + ahead }

  /// The last activity ends here, and the one at `position` begins.
  func move(to position: ProgressPage.Position) {
    guard isRecording else { return }
    let now = now
    if var present {
      present.ended = now
      append(present)
    }
    present = Event(position: position, isExchange: false, began: now, ended: now)
  }

  /// An exchange of statistics that began at `began` has ended.
  func exchanged(at position: ProgressPage.Position, since began: Double) {
    guard isRecording else { return }
    append(Event(position: position, isExchange: true, began: began, ended: now))
  }

  private func append(_ event: Event) {
    if events.count < Self.limit { events.append(event) }
  }
}

// MARK: The trace

extension Timeline {
  /// All ranks' events, on rank 0. Collective.
  ///
  /// The format is Chrome's trace events, in microseconds: a process for each rank, complete events
  /// ("ph": "X") with category and step. Perfetto (ui.perfetto.dev) and chrome://tracing show it.
  /// - Parameter rankProgress: whose moves this timeline records.
  package func trace(_ rankProgress: RankProgress, _ group: ProcessGroup) throws -> String? {
    let start = try group.control.allReduce(events.first?.began ?? .infinity, .min)
    let own = json(rank: group.rank, start: start, rankProgress.layerNames)
    if !group.isFirst { try group.control.send(Array(own.utf8), to: 0) }
    return try group.onFirst {
      var ranks = [own]
      for rank in 1..<max(1, group.count) {
        let bytes = try group.control.receive(UInt8.self, from: rank)
        ranks.append(String(decoding: bytes, as: UTF8.self))
      }
      return Self.trace(ranks)
    }
  }

  private static func trace(_ events: [String]) -> String {
    "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n\(events.joined(separator: ",\n"))\n]}\n"
  }

  private func json(rank: Int, start: Double, _ layerNames: [String]) -> String {
    let process: KeyValuePairs<String, JSON?> = ["name": .string("rank \(rank)")]
    var lines = [
      JSON.object([
        "name": .string("process_name"), "ph": .string("M"), "pid": .integer(rank),
        "args": .object(process),
      ]),
      JSON.object([
        "name": .string("process_sort_index"), "ph": .string("M"), "pid": .integer(rank),
        "args": .object(["sort_index": .integer(rank)]),
      ]),
    ]
    for event in events {
      let layer =
        layerNames.indices.contains(event.position.layer)
        ? layerNames[event.position.layer] : "layer \(event.position.layer)"
      let name = event.isExchange ? "statistics" : event.position.text(layerName: layer)
      let began = Self.microseconds(event.began - start)
      let ended = Self.microseconds(event.ended - start)
      lines.append(
        JSON.object([
          "name": .string(name), "cat": .string(Self.category(event)), "ph": .string("X"),
          "pid": .integer(rank), "tid": .integer(0),
          "ts": .number(began), "dur": .number(ended - began),
          "args": .object(["step": .integer(event.position.step)]),
        ]))
    }
    return lines.map(\.description).joined(separator: ",\n")
  }

  /// To an eighth: readers add and scale these without rounding, so that an event ends for them where the
  /// next one begins, and not after it.
  private static func microseconds(_ seconds: Double) -> Double { (seconds * 8e6).rounded() / 8 }

  private static func category(_ event: Event) -> String {
    if event.isExchange { return "exchange" }
    switch event.position.activity {
    case .forward, .backward, .updating, .evaluating: return "compute"
    case .summing: return "wait"
    case .settingUp, .loading, .saving, .ended: return "other"
    }
  }
}
