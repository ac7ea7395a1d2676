/// A warm-up that ends once the training error is low enough.

import Console

/// A schedule that begins with a low rate until the training error falls below a limit: He et al. 2015,
/// §4.2, train 110 layers at 0.01 until the error is below 80 %, some 400 iterations.
///
/// It must see the same errors on every rank.
package struct ErrorWarmUp: LearningRateSchedule {
  package private(set) var schedule: any LearningRateSchedule
  package let rate: Double
  /// A fraction.
  package let limit: Double
  private var isOver = false

  /// - Parameters:
  ///   - rate: of the warm-up.
  ///   - limit: the training error, a fraction, below which the schedule's own rates begin.
  package init(_ schedule: any LearningRateSchedule, rate: Double, until limit: Double) {
    self.schedule = schedule
    self.rate = rate
    self.limit = limit
  }

  package var summary: String {
    schedule.summary
      + "\nwarm-up: lr \(NumberFormat.learningRate(rate)) until the training error is "
      + "below \(NumberFormat.percent(limit))"
  }

  package func rate(afterSteps step: Int) -> Double {
    isOver ? schedule.rate(afterSteps: step) : rate
  }

  package func isWarmUp(afterSteps step: Int) -> Bool { !isOver }

  package mutating func observe(error: Double) { schedule.observe(error: error) }

  package mutating func observe(trainingError: Double) {
    if trainingError < limit { isOver = true }
    schedule.observe(trainingError: trainingError)
  }

  private static let key = "warm_up_is_over"

  package var state: [String: Double] {
    schedule.state.merging(isOver ? [Self.key: 1] : [:]) { first, _ in first }
  }

  package mutating func load(state: [String: Double]) throws(ScheduleStateError) {
    let value = state[Self.key] ?? 0
    guard value == 0 || value == 1 else { throw ScheduleStateError(key: Self.key, value: value) }
    try schedule.load(state: state)
    isOver = value == 1
  }
}
