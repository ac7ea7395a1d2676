/// The warm-up that ends by the training error.

import Optimizers
import Testing

@Suite struct ErrorWarmUpTests {
  private let schedule = ErrorWarmUp(
    StepSchedule(initial: 0.1, gamma: 0.1, milestones: [100]), rate: 0.01, until: 0.8)

  @Test("the low rate holds until the training error is below the limit, and never returns")
  func rates() {
    var schedule = schedule
    schedule.observe(error: 0.1)
    schedule.observe(trainingError: 0.9)
    schedule.observe(trainingError: 0.8)
    #expect(schedule.rate(afterSteps: 0) == 0.01 && schedule.rate(afterSteps: 500) == 0.01)
    schedule.observe(trainingError: 0.79)
    #expect(schedule.rate(afterSteps: 50) == 0.1 && schedule.rate(afterSteps: 100) == 0.01)
    schedule.observe(trainingError: 0.95)
    #expect(schedule.rate(afterSteps: 50) == 0.1)
  }

  @Test("its state says whether it is over, beside that of the schedule inside")
  func state() throws {
    var first = ErrorWarmUp(
      PlateauSchedule(initial: 1, gamma: 0.5, minimum: 0, patience: 0, threshold: 0), rate: 0.25,
      until: 0.5)
    #expect(first.state.isEmpty)
    first.observe(error: 0.4)
    first.observe(error: 0.4)
    first.observe(trainingError: 0.3)
    var second = ErrorWarmUp(
      PlateauSchedule(initial: 1, gamma: 0.5, minimum: 0, patience: 0, threshold: 0), rate: 0.25,
      until: 0.5)
    try second.load(state: first.state)
    #expect(second.rate(afterSteps: 0) == 0.5 && second.state == first.state)
    #expect(throws: ScheduleStateError.self) { try second.load(state: ["warm_up_is_over": 2]) }
    #expect(second.state == first.state)
  }
}
