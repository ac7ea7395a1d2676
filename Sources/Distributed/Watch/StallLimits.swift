/// How long a rank may stay where it is, learned from what the run's own steps take.

import Synchronization

/// Kinds of work that a rank's times are learned for, each for itself.
package enum WatchedWork: Int, CaseIterable, Sendable {
  /// A training step, all of it.
  case step
  /// Waiting for images.
  case loading
  /// Waiting until an earlier checkpoint is written, and copying the state for the next.
  case saving
  /// A batch of an evaluation.
  case evaluating

  /// Seconds that are always allowed: file systems pause for longer than processors do.
  package var least: Double {
    switch self {
    case .step: 30
    case .evaluating: 60
    case .loading: 120
    case .saving: 300
    }
  }

  /// The least of all that is always allowed.
  static let shortest = allCases.map(\.least).min()!

  /// The work that `activity` is part of; nil: a run does it only before its steps or after them.
  init?(_ activity: Activity) {
    switch activity {
    case .settingUp, .ended: return nil
    case .loading: self = .loading
    case .forward, .backward, .summing, .updating: self = .step
    case .evaluating: self = .evaluating
    case .saving: self = .saving
    }
  }
}

/// The slowest time of each kind of work so far; written by one thread, read by any.
package final class StallLimits: Sendable {
  /// What is allowed for work that has not been seen yet, and around the steps.
  package static let unknown = 300.0
  /// A stall is no progress for this many times the slowest.
  package static let factor = 10.0

  /// Seconds times 10⁹; 0: not seen.
  private let slowest: [Slowest] = WatchedWork.allCases.map { _ in Slowest() }

  private final class Slowest: Sendable {
    let nanoseconds = Atomic<UInt64>(0)
  }

  package init() {}

  /// Takes note of work that has ended after some seconds.
  package func record(_ work: WatchedWork, seconds: Double) {
    let slowest = slowest[work.rawValue]
    let new = UInt64(max(0, seconds) * 1e9)
    if new > slowest.nanoseconds.load(ordering: .relaxed) {
      slowest.nanoseconds.store(new, ordering: .relaxed)
    }
  }

  /// Seconds of the slowest so far; nil: not seen.
  package func slowest(_ work: WatchedWork) -> Double? {
    let value = slowest[work.rawValue].nanoseconds.load(ordering: .relaxed)
    return value == 0 ? nil : Double(value) * 1e-9
  }

  /// Seconds without progress that are a stall.
  package func limit(_ work: WatchedWork?) -> Double {
    guard let work, let slowest = slowest(work) else { return Self.unknown }
    return max(work.least, Self.factor * slowest)
  }
}
