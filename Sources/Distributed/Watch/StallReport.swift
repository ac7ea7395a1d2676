/// The report of a stall on one host: where its ranks are, and which rank waits for which.

import Foundation
import System

/// A rank of this host at one moment.
struct RankPlace {
  /// What the operating system says of a process.
  enum Process {
    case running, stopped, waitingForDisk, gone

    /// By the letter in `/proc/PID/stat`.
    init(_ process: Int) {
      // The name before the last parenthesis may hold anything.
      switch ProcFile.text("/proc/\(process)/stat").split(separator: ")").last?.first(where: {
        $0 != " "
      }) {
      case "T", "t": self = .stopped
      case "D": self = .waitingForDisk
      case nil, "Z", "X": self = .gone
      default: self = .running
      }
    }

    /// Whether a message that comes is taken: one that was stopped while it waited keeps the others waiting.
    var takesMessages: Bool {
      switch self {
      case .running, .waitingForDisk: true
      case .stopped, .gone: false
      }
    }
  }

  let rank: Int
  let process: Int
  let state: Process
  let position: ProgressPage.Position
  /// Seconds since it moved.
  let still: Double
  /// Of a rank that waits: the rank whose message is missing, nil for any of another host's, and the numbers in it.
  let awaited: (rank: Int?, numbers: Int)?

  var activity: Activity { position.activity }

  /// What it does, as in `backward of layer2.0.bn2`.
  private func activity(_ layerNames: [String]) -> String {
    let layer = position.layer
    return position.text(
      layerName: layerNames.indices.contains(layer) ? layerNames[layer] : "layer \(layer)")
  }

  func line(_ layerNames: [String]) -> String {
    var text =
      "  rank \(rank) (process \(process)): step \(position.step), \(activity(layerNames)) for "
      + "\(Int(still.rounded())) s"
    if let (rank, numbers) = awaited {
      text +=
        ", waits for \(numbers) numbers of \(rank.map { "rank \($0)" } ?? "the other hosts")"
    } else if activity != .ended {
      text += ", \(condition)"
    }
    return text
  }

  /// Of a rank that waits for no other.
  private var condition: String {
    switch state {
    case .running: "computing or stuck"
    case .stopped: "stopped by a signal"
    case .waitingForDisk: "waiting for a disk or a network file system"
    case .gone: "its process is gone"
    }
  }

  /// Such as `rank 2 (process 3263 on node1), stopped by a signal: backward of layer2.1.conv1 in step 77`.
  func verdict(_ layerNames: [String]) -> String {
    "rank \(rank) (process \(process) on \(ProcessInfo.processInfo.hostName)), \(condition): "
      + "\(activity(layerNames)) in step \(position.step)"
  }
}

enum StallReport {
  /// Why a rank does not move.
  enum Cause {
    /// This rank of the host, perhaps itself, waits for no other.
    case rank(RankPlace)
    /// A rank of another host.
    case otherHosts
  }

  /// Follows who waits for whom on this host.
  static func cause(of rank: Int, among places: [RankPlace]) -> Cause {
    var rank = rank
    // Ranks in a circle wait for messages that are on their way.
    for _ in places {
      guard let place = places.first(where: { $0.rank == rank }) else { return .otherHosts }
      guard let awaited = place.awaited else { return .rank(place) }
      guard let next = awaited.rank else { return .otherHosts }
      rank = next
    }
    return .otherHosts
  }

  /// Who keeps the others of this host waiting, in a sentence.
  static func verdict(on places: [RankPlace], _ layerNames: [String]) -> String {
    let causes = places.filter { $0.awaited == nil && $0.activity != .ended }
    guard !causes.isEmpty else {
      return
        "all ranks of \(ProcessInfo.processInfo.hostName) wait for other hosts, which are stopped, dead "
        + "or out of reach"
    }
    let waiting = places.filter { $0.awaited != nil }.map { "\($0.rank)" }
    let who = causes.map { $0.verdict(layerNames) }.joined(separator: "; ")
    if waiting.isEmpty { return who }
    return waiting.count == 1
      ? "rank \(waiting[0]) waits for \(who)"
      : "ranks \(waiting.joined(separator: ", ")) wait for \(who)"
  }
}

extension RankProgress {
  /// Where each rank of this host is now.
  var places: [RankPlace] {
    let now = MonotonicClock.now
    return pages.map { page in
      let state = RankPlace.Process(page.process)
      return RankPlace(
        rank: page.rank, process: page.process, state: state, position: page.position,
        still: now - page.movedAt, awaited: state.takesMessages ? page.awaited : nil)
    }
  }
}
