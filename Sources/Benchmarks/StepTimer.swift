/// How long each part of the training step takes.

import Distributed
import Networks

/// Adds up the seconds of a step's phases and of its statistics exchanges.
final class StepTimer: StepObserver {
  private let clock = ContinuousClock()
  private var seconds = Array(repeating: 0.0, count: StepPhase.allCases.count)
  private var statistics = 0.0
  private var present: (phase: StepPhase, began: ContinuousClock.Instant)?
  private var exchangeBegan = ContinuousClock.now

  /// Forgets what has been measured.
  func reset() {
    for phase in seconds.indices { seconds[phase] = 0 }
    statistics = 0
    present = nil
  }

  func willBegin(_ phase: StepPhase, ofStep step: Int) { move(to: phase) }

  func didEnd(step: Int) { move(to: nil) }

  private func move(to next: StepPhase?) {
    let now = clock.now
    if let present { seconds[present.phase.rawValue] += (now - present.began).seconds }
    present = next.map { ($0, now) }
  }

  func willExchange(_ rule: StatisticsRule) { exchangeBegan = clock.now }

  func didExchange(_ rule: StatisticsRule) {
    statistics += (clock.now - exchangeBegan).seconds
  }

  /// The mean seconds of each part.
  func parts(perStep steps: Int) -> StepParts {
    func mean(_ phase: StepPhase) -> Double { seconds[phase.rawValue] / Double(steps) }
    return StepParts(
      forward: mean(.forward), backward: mean(.backward), optimizer: mean(.update),
      statisticsWait: statistics / Double(steps), gradientWait: mean(.reduction),
      data: mean(.loading))
  }
}
