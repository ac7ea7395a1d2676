/// A run as it is at one moment: its status, whether it goes on, and its curves so far.

import Console
import Foundation
import Glibc
import System
import Tensors

/// What `top` shows of a run.
package struct RunView: Sendable {
  package let path: String
  package let status: RunStatus?
  package let health: RunHealth
  /// The training lines' losses.
  private let losses: [Double]
  private let lowestError: Double?
  /// Seconds since 1970.
  private let time: Double

  /// Reads a run folder.
  ///
  /// - Throws: `RunRecordError` where it is none.
  package init(_ path: String, now: Double = WallClock.now) throws(RunRecordError) {
    let files = FileManager.default
    var isFolder: ObjCBool = false
    guard files.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
      throw .noFolder(path: path)
    }
    guard files.fileExists(atPath: "\(path)/config.yaml") else { throw .noRun(path: path) }
    self.path = path
    time = now
    status = RunStatus(ofRun: path)
    health = RunHealth(status, isAlive: status.flatMap { Self.isAlive($0, path) }, now: now)
    let metrics = JSONLines<RunRecord.Metric>("\(path)/\(RunRecord.metricsName)")?.values ?? []
    losses = metrics.filter { $0.split == "train" }.compactMap(\.loss)
    let split = status?.evaluationSplit ?? "test"
    lowestError = metrics.filter { $0.split == split }.compactMap(\.top1Error).min()
  }

  /// For tests: a view of what is given.
  package init(
    path: String, status: RunStatus?, health: RunHealth, losses: [Double], lowestError: Double?,
    time: Double
  ) {
    (self.path, self.status, self.health) = (path, status, health)
    (self.losses, self.lowestError, self.time) = (losses, lowestError, time)
  }

  /// Whether its process is there; nil on another host.
  private static func isAlive(_ status: RunStatus, _ path: String) -> Bool? {
    guard status.host == ProcessInfo.processInfo.hostName else { return nil }
    // Where the file system has no locks, the process's name has to do.
    return LockInspection.isHeldHere("\(path)/lock")
      || ProcFile.text("/proc/\(status.processId)/comm").hasPrefix("resnet-dist")
  }

  /// The state in words.
  private var state: String {
    switch health {
    case .unknown: "says nothing of itself (made by an earlier version?)"
    case .running: status?.state.rawValue ?? ""
    case .silent(let seconds):
      "NO NEWS for \(Duration.clockText(seconds: seconds)): it hangs, or its host is lost"
    case .died: "DIED without a word: killed, crashed or ended by mpirun; see what it printed"
    case .stopped: "stopped, to be resumed"
    case .failed: "FAILED"
    case .finished: "finished"
    }
  }

  private func percent(_ done: Int, of all: Int) -> String {
    NumberFormat.percent(Double(done) / Double(max(1, all)), decimals: 0)
  }

  private func place(_ status: RunStatus) -> [String] {
    [
      state, "epoch \(status.epoch)/\(status.epochs)",
      "step \(status.step.grouped)/\(status.steps.grouped)",
    ]
  }

  private func results(_ status: RunStatus) -> [String] {
    [
      status.loss.map { "loss \(NumberFormat.loss($0))" },
      status.top1Error.map { "error \(NumberFormat.percent($0))" },
      status.evaluationTop1Error.map {
        "\(status.evaluationSplit) error \(NumberFormat.percent($0, decimals: 2))"
      },
    ].compactMap(\.self)
  }

  private func speed(_ status: RunStatus) -> [String] {
    guard health == .running else { return [] }
    return [
      status.imagesPerSecond.map { "\(NumberFormat.rate($0)) images/s" },
      status.remainingSeconds.map { "\(Duration.clockText(seconds: $0)) left" },
    ].compactMap(\.self)
  }

  /// A line for a log.
  package var line: String {
    guard let status else { return "\(path): \(state)" }
    let parts =
      place(status) + results(status) + speed(status) + [status.message].compactMap(\.self)
    return "\(path): " + parts.joined(separator: ", ")
  }

  /// A paragraph for a page, its title first, each line cut to `width` columns.
  package func lines(width: Int, unicode: Bool = true) -> [String] {
    guard let status else { return [path, "  \(state)"].map { String($0.prefix(width)) } }
    let machines = status.hosts == 1 ? "" : " on \(status.hosts) hosts"
    var lines = [
      "\(path)  \(status.model) on \(status.dataset), \(status.ranks) "
        + "\(status.ranks == 1 ? "rank" : "ranks") × \(status.threads)\(machines)"
    ]
    let progress =
      place(status) + [percent(status.step, of: status.steps)] + speed(status)
    lines.append("  " + progress.joined(separator: "  "))
    if let message = status.message { lines.append("  \(message)") }
    var figures = results(status)
    if let lowestError {
      figures.append("lowest \(NumberFormat.percent(lowestError, decimals: 2))")
    }
    if let rate = status.learningRate {
      figures.append("lr \(NumberFormat.learningRate(rate))")
    }
    figures.append("\(Duration.clockText(seconds: status.trainingSeconds)) trained")
    if let step = status.checkpointStep, let written = status.checkpointTime {
      figures.append(
        "checkpoint of step \(step.grouped), \(Duration.clockText(seconds: time - written)) ago")
    }
    if status.skippedSteps > 0 { figures.append("\(status.skippedSteps.grouped) steps skipped") }
    if status.badImages > 0 { figures.append("\(status.badImages.grouped) bad images") }
    lines.append("  " + figures.joined(separator: "  "))
    let room = min(60, width - 30)
    let curve = Sparkline.text(losses, width: room, unicode: unicode)
    if !curve.isEmpty {
      lines.append(
        "  loss \(curve) \(NumberFormat.loss(losses.max()!)) to "
          + NumberFormat.loss(losses.min()!))
    }
    return lines.map { String($0.prefix(width)) }
  }
}
