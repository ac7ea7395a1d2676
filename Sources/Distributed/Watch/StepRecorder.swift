/// How the steps of an engine become a `StepTrace`.

import System
import Networks

/// Records what a step does and when, for steps of one micro-batch.
package final class StepRecorder: StepObserver {
  private enum Kind: Equatable {
    case statistics(width: Int)
    case total(width: Int)
    case completed(count: Int)
    case end
  }

  /// What ends each computation of a pass; the same in every step.
  private var kinds: [Kind] = []
  /// Seconds of each computation, step by step.
  private var steps: [[Double]] = []
  private var updates: [Double] = []
  private var mark = 0.0
  private var isComplete = false
  private var isInPass = false
  private var isInLayer = false

  package init() {}

  /// Forgets the steps so far.
  package func reset() {
    steps = []
    updates = []
  }

  // MARK: A step

  package func willBegin(_ phase: StepPhase, ofStep step: Int) {
    switch phase {
    case .loading: if isInPass { endPass() }
    case .forward:
      steps.append([])
      isInPass = true
      mark = MonotonicClock.now
    case .backward, .reduction: break
    case .update: endPass()
    }
  }

  package func willExchange(_ rule: StatisticsRule) {
    note(isInLayer ? .statistics(width: rule.width) : .total(width: rule.width))
  }

  package func willRun(layer: Int, backward: Bool) { isInLayer = true }

  package func didRun(layer: Int, backward: Bool) { isInLayer = false }

  package func didComplete(weightGradients count: Int) { note(.completed(count: count)) }

  /// The gradients are summed.
  private func endPass() {
    note(.end)
    isInPass = false
    isComplete = true
  }

  package func didEnd(step: Int) {
    let now = MonotonicClock.now
    updates.append(now - mark)
    mark = now
  }

  private func note(_ kind: Kind) {
    // An evaluation's exchanges are not a step's.
    if !isInPass { return }
    let now = MonotonicClock.now
    if isComplete {
      precondition(kinds[steps[steps.count - 1].count] == kind, "steps differ")
    } else {
      kinds.append(kind)
    }
    steps[steps.count - 1].append(now - mark)
    mark = now
  }

  // MARK: The trace

  /// Each computation's median over the steps, all made longer or shorter by one factor so that they
  /// add up to the median step.
  package var trace: StepTrace {
    let medians = kinds.indices.map { index in Self.median(steps.map { $0[index] }) }
    let whole = Self.median(steps.map { $0.reduce(0, +) })
    let factor = whole / medians.reduce(0, +)
    let pass = zip(kinds, medians).flatMap { kind, seconds -> [StepTrace.Event] in
      let compute = StepTrace.Event.compute(seconds * factor)
      return switch kind {
      case .statistics(let width): [compute, .statistics(width: width)]
      case .total(let width): [compute, .total(width: width)]
      case .completed(let count): [compute, .completed(count: count)]
      case .end: [compute]
      }
    }
    return StepTrace(pass: pass, update: Self.median(updates))
  }

  private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
}
