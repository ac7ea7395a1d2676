/// How a benchmark's steps come to be `StepTrace`s.

import Networks

/// Notes what a step does and when: a statistics exchange around the real one, and one of
/// `Replica.observers`, before the reduction.
final class StepRecorder: StatisticsExchange, PassObserver {
  private enum Kind: Equatable {
    case statistics(width: Int)
    case total(width: Int)
    case completed(count: Int)
    case end
  }

  private let exchange: any StatisticsExchange
  private let clock = ContinuousClock()
  /// What ends each computation of a pass; the same in every step.
  private var kinds: [Kind] = []
  /// Seconds of each computation, step by step.
  private var steps: [[Double]] = []
  private var updates: [Double] = []
  private var mark = ContinuousClock.now
  private var isComplete = false
  private var isInLayer = false

  init(_ exchange: any StatisticsExchange) { self.exchange = exchange }

  /// Forgets the steps so far.
  func reset() {
    steps = []
    updates = []
  }

  // MARK: A step

  func begin() {
    steps.append([])
    mark = clock.now
  }

  func combine(
    _ pieces: UnsafePointer<Double>, into groups: UnsafeMutablePointer<Double>,
    by rule: StatisticsRule
  ) throws {
    note(isInLayer ? .statistics(width: rule.width) : .total(width: rule.width))
    try exchange.combine(pieces, into: groups, by: rule)
  }

  func willRun(layer: Int, backward: Bool) { isInLayer = true }

  func didRun(layer: Int, backward: Bool) { isInLayer = false }

  func didComplete(weightGradients count: Int) { note(.completed(count: count)) }

  /// The gradients are summed.
  func endPass() {
    note(.end)
    isComplete = true
  }

  func endUpdate() {
    let now = clock.now
    updates.append((now - mark).seconds)
    mark = now
  }

  private func note(_ kind: Kind) {
    if steps.isEmpty { return }
    let now = clock.now
    if isComplete {
      precondition(kinds[steps[steps.count - 1].count] == kind, "steps differ")
    } else {
      kinds.append(kind)
    }
    steps[steps.count - 1].append((now - mark).seconds)
    mark = now
  }

  // MARK: The trace

  /// Each computation's median over the steps, all made longer or shorter by one factor so that they
  /// add up to the median step.
  var trace: StepTrace {
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
