/// Rates that drop at milestones.

import Optimizers
import Testing

@Suite struct StepScheduleTests {
  @Test("rates are those of PyTorch's MultiStepLR and StepLR")
  func pyTorch() throws {
    let several = try SchedulerFixture("MultiStepLR")
    several.expectRates(
      of: StepSchedule(initial: several["lr"], gamma: several["gamma"], milestones: [4, 4, 9]))
    let even = try SchedulerFixture("StepLR")
    let size = Int(even["step_size"])
    even.expectRates(
      of: StepSchedule(
        initial: even["lr"], gamma: even["gamma"], milestones: [size, 2 * size, 3 * size]))
  }

  @Test("the rate drops with the step after each milestone, and to the nearest decimal")
  func drops() {
    let schedule = StepSchedule(initial: 0.1, gamma: 0.1, milestones: [48_000, 32_000])
    #expect(schedule.milestones == [32_000, 48_000])
    for (step, rate) in [
      (0, 0.1), (31_999, 0.1), (32_000, 0.01), (47_999, 0.01), (48_000, 0.001), (64_000, 0.001),
    ] { #expect(schedule.rate(afterSteps: step) == rate, "after \(step) steps") }
  }

  @Test("milestones at the same step all count, one at 0 from the start")
  func coinciding() {
    let schedule = StepSchedule(initial: 1, gamma: 0.5, milestones: [3, 3, 0])
    #expect(schedule.rate(afterSteps: 0) == 0.5)
    #expect(schedule.rate(afterSteps: 2) == 0.5)
    #expect(schedule.rate(afterSteps: 3) == 0.125)
  }

  @Test("a factor above 1 raises the rate")
  func rising() {
    // Warming up, as He et al. 2015 do for 110 layers (§4.2).
    let schedule = StepSchedule(initial: 0.01, gamma: 10, milestones: [400])
    #expect(schedule.rate(afterSteps: 399) == 0.01)
    #expect(abs(schedule.rate(afterSteps: 400) - 0.1) < 1e-15)
  }

  @Test("without milestones the rate is constant")
  func constant() {
    let schedule = StepSchedule(initial: 0.05, gamma: 0.1, milestones: [])
    #expect(schedule.rate(afterSteps: 0) == 0.05 && schedule.rate(afterSteps: 1_000_000) == 0.05)
  }

  @Test("the summary gives rate, factor and milestones")
  func summary() {
    #expect(
      StepSchedule(initial: 0.1, gamma: 0.1, milestones: [1406, 1992]).summary
        == "lr 0.1, × 0.1 after iterations 1,406 and 1,992")
    #expect(StepSchedule(initial: 1.0 / 3, gamma: 0.1, milestones: []).summary == "lr 0.3333")
  }
}
