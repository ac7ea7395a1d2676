/// What each rank of a host is doing, in memory that all of them can read.

import System
import Glibc
import MPI
import Networks
import Synchronization
import Tensors

/// What a rank is doing; the numbers are the words of a page.
package enum Activity: UInt64 {
  case settingUp
  case loading
  case forward
  case backward
  case summing
  case updating
  case evaluating
  case saving
  case ended
}

/// A rank's page: what it is doing since when, and which rank it waits for.
///
/// Only its rank writes it, single words, so a reader may see a mixture of two neighbouring states, but
/// never a torn number.
struct ProgressPage {
  /// A rank's position in a run, in one word: ranks that take part in the same exchange have the same.
  struct Position: Equatable {
    var step: Int
    var layer: Int
    var activity: Activity

    init(step: Int, layer: Int, activity: Activity) {
      self.step = step
      self.layer = layer
      self.activity = activity
    }

    init(word: UInt64) {
      step = Int(word >> 24)
      layer = Int(word >> 8 & 0xffff)
      activity = Activity(rawValue: word & 0xff) ?? .settingUp
    }

    var word: UInt64 { UInt64(step) << 24 | UInt64(layer & 0xffff) << 8 | activity.rawValue }
  }

  private enum Word: Int, CaseIterable {
    case position, movedAt, awaitedRank, numbers, rank, process
  }

  static let bytes = CacheLine.bytes
  private static let otherHosts = UInt64.max
  private let words: [SharedWord]

  /// - Parameter window: a rank's part of it begins with `bytes` zeroed bytes.
  init(_ window: SharedWindow, of rank: Int) {
    words = Word.allCases.map { window.word(of: rank, at: 8 * $0.rawValue) }
  }

  private func read(_ word: Word) -> UInt64 { words[word.rawValue].value }
  private func write(_ word: Word, _ value: UInt64) { words[word.rawValue].value = value }

  var position: Position { Position(word: read(.position)) }
  /// Seconds of the host's monotonic clock.
  var movedAt: Double { Double(read(.movedAt)) * 1e-9 }
  /// The rank whose message is missing, nil for any of another host's, and the numbers in it.
  var awaited: (rank: Int?, numbers: Int)? {
    let rank = read(.awaitedRank)
    if rank == 0 { return nil }
    return (rank == Self.otherHosts ? nil : Int(rank) - 1, Int(read(.numbers)))
  }
  var rank: Int { Int(read(.rank)) }
  var process: Int { Int(read(.process)) }

  func introduce(rank: Int) {
    write(.rank, UInt64(rank))
    write(.process, UInt64(getpid()))
  }

  func move(to position: Position, at now: Double) {
    write(.position, position.word)
    write(.awaitedRank, 0)
    write(.movedAt, UInt64(now * 1e9))
  }

  func beginWait(for rank: Int?, numbers: Int) {
    write(.numbers, UInt64(numbers))
    write(.awaitedRank, rank.map { UInt64($0) + 1 } ?? Self.otherHosts)
  }

  func endWait() { write(.awaitedRank, 0) }
}

/// Keeps this rank's page, and its timeline where one is recorded: an observer of each step.
package final class RankProgress: StepObserver {
  private let timeline: Timeline?
  /// The layers of training passes; empty before a replica is made.
  private(set) var layerNames: [String] = []
  private var exchangeBegan = 0.0
  /// What this rank's work has taken.
  package let limits = StallLimits()
  /// When the present step began; nil between steps.
  private var stepBegan: Double?
  /// Pages of this host's ranks, in their order.
  let pages: [ProgressPage]
  /// 1 once a rank of the host reports a stall.
  private let reporter: SharedWord
  private let own: ProgressPage
  private let window: SharedWindow
  private var position = ProgressPage.Position(step: 0, layer: 0, activity: .settingUp)

  /// Collective over `local`.
  ///
  /// - Parameters:
  ///   - local: this host's ranks; used for nothing else.
  ///   - rank: this rank among all.
  ///   - timeline: records each move.
  package init(local: Communicator, rank: Int, timeline: Timeline? = nil) throws {
    self.timeline = timeline
    let window = try SharedWindow(
      local, bytesPerRank: ProgressPage.bytes + CacheLine.bytes)
    pages = (0..<local.size).map { ProgressPage(window, of: $0) }
    reporter = window.word(of: 0, at: ProgressPage.bytes)
    own = pages[local.rank]
    self.window = window
    own.introduce(rank: rank)
    own.move(to: position, at: MonotonicClock.now)
  }

  /// Collective over the ranks of each host.
  convenience init(_ group: ProcessGroup, timeline: Timeline?) throws {
    try self.init(local: group.local.duplicate(), rank: group.rank, timeline: timeline)
  }

  /// This rank's page.
  var ownPage: ProgressPage { own }

  /// Whether this rank is the one of its host that reports a stall.
  func claimReport() -> Bool { reporter.exchange(1) == 0 }

  /// The position in one word, the same on all ranks that take part in an exchange here.
  var word: UInt64 { position.word }

  /// Moves to something that is not a layer of a training pass.
  package func move(to activity: Activity, step: Int? = nil, layer: Int = 0) {
    let now = MonotonicClock.now
    switch position.activity {
    case .loading: limits.record(.loading, seconds: now - own.movedAt)
    case .saving: limits.record(.saving, seconds: now - own.movedAt)
    case .evaluating: limits.record(.evaluating, seconds: now - own.movedAt)
    case .settingUp, .forward, .backward, .summing, .updating, .ended: break
    }
    if activity == .loading, stepBegan == nil { stepBegan = now }
    position.step = step ?? position.step
    position.layer = layer
    position.activity = activity
    own.move(to: position, at: now)
    timeline?.move(to: position)
  }

  /// A message of `numbers` numbers from `rank` is missing; nil: from another host.
  func beginWait(for rank: Int?, numbers: Int) { own.beginWait(for: rank, numbers: numbers) }

  /// The wait is over.
  func endWait() { own.endWait() }

  // MARK: A step

  package func willObserve(_ layers: [LayerDescription]) { layerNames = layers.map(\.name) }

  package func willRun(layer: Int, backward: Bool) {
    move(to: backward ? .backward : .forward, layer: layer)
  }

  package func willBegin(_ phase: StepPhase, ofStep step: Int) {
    switch phase {
    case .loading: move(to: .loading, step: step)
    // Their layers say more.
    case .forward, .backward: break
    case .reduction: move(to: .summing)
    case .update: move(to: .updating)
    }
  }

  package func didEnd(step: Int) {
    if let stepBegan { limits.record(.step, seconds: MonotonicClock.now - stepBegan) }
    stepBegan = nil
  }

  package func willExchange(_ rule: StatisticsRule) {
    if let timeline { exchangeBegan = timeline.now }
  }

  package func didExchange(_ rule: StatisticsRule) {
    timeline?.exchanged(at: position, since: exchangeBegan)
  }
}

/// Two ranks are in an exchange of different layers, steps or lengths.
package struct RanksOutOfStep: Error, CustomStringConvertible {
  package let rank: Int
  package let own: String
  package let otherRank: Int
  package let other: String

  package var description: String {
    "ranks are out of step: rank \(rank) exchanges statistics in \(own), rank \(otherRank) in "
      + "\(other). This is a defect in resnet-dist or in the memory of a machine, please report it; "
      + "the run can be resumed from its last checkpoint"
  }
}

extension ProgressPage.Position: CustomStringConvertible {
  var description: String {
    let layerNumber = "layer \(layer)"
    return "step \(step), " + text(layerName: layerNumber)
  }

  /// What the rank is doing, without the step.
  func text(layerName: String) -> String {
    switch activity {
    case .settingUp: "setting up"
    case .loading: "loading images"
    case .forward: "forward of \(layerName)"
    case .backward: "backward of \(layerName)"
    case .summing: "summing gradients"
    case .updating: "updating parameters"
    case .evaluating: "evaluating, batch \(layer)"
    case .saving: "saving a checkpoint"
    case .ended: "ended"
    }
  }
}
