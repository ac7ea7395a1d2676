/// The events of a training step that instruments observe: phases, layers, exchanges.

import Networks
import Tensors

/// What a rank does in a step; a phase ends where the next begins.
package enum StepPhase: Int, CaseIterable {
  /// Waiting for a micro-batch of images.
  case loading
  case forward
  case backward
  /// Summing metrics and what the backward pass left to sum of the gradients.
  case reduction
  /// Checking the gradients and updating the parameters.
  case update
}

/// Notified of each part of a training step, on the thread that runs it.
///
/// Watchdogs, timers, traces and profilers are observers, so that all of them watch the same step.
/// Phases come once for each micro-batch, `update` once a step.
package protocol StepObserver: PassObserver {
  /// The phase before ends and `phase` begins.
  func willBegin(_ phase: StepPhase, ofStep step: Int)
  /// The parameters are updated and the gradients released.
  func didEnd(step: Int)
  /// This rank is about to exchange statistics with the others.
  func willExchange(_ rule: StatisticsRule)
  func didExchange(_ rule: StatisticsRule)
}

extension StepObserver {
  package func willBegin(_ phase: StepPhase, ofStep step: Int) {}
  package func didEnd(step: Int) {}
  package func willExchange(_ rule: StatisticsRule) {}
  package func didExchange(_ rule: StatisticsRule) {}
}

/// A step's statistics exchange: notifies observers, and lets gradients advance after each exchange.
final class StepStatisticsExchange: StatisticsExchange {
  private let exchange: any StatisticsExchange
  private let progress: CommunicationProgress
  private let observers: [any StepObserver]

  init(
    _ exchange: any StatisticsExchange, progress: CommunicationProgress,
    observers: [any StepObserver]
  ) {
    self.exchange = exchange
    self.progress = progress
    self.observers = observers
  }

  func combine(
    _ pieces: VectorView<Double>, into groups: MutableVectorView<Double>,
    by rule: StatisticsRule
  ) throws {
    for observer in observers { observer.willExchange(rule) }
    try exchange.combine(pieces, into: groups, by: rule)
    for observer in observers { observer.didExchange(rule) }
    // No numbers are on their way now, and a layer's computation hides what begins.
    try progress.poll()
  }
}
