/// Schedules that change the rates of another one.

/// A schedule that leaves to another one what is learned of the errors.
protocol ScheduleAdjustment: LearningRateSchedule {
  var schedule: any LearningRateSchedule { get set }
}

extension ScheduleAdjustment {
  package func isWarmUp(afterSteps step: Int) -> Bool { schedule.isWarmUp(afterSteps: step) }

  package mutating func observe(error: Double) { schedule.observe(error: error) }

  package mutating func observe(trainingError: Double) {
    schedule.observe(trainingError: trainingError)
  }

  package var state: [String: Double] { schedule.state }

  package mutating func load(state: [String: Double]) throws(ScheduleStateError) {
    try schedule.load(state: state)
  }
}
