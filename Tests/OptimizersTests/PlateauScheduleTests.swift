/// Rates that drop when the error plateaus, and the state that decides it.

import Optimizers
import Testing

@Suite struct PlateauScheduleTests {
  private func schedule(_ fixture: SchedulerFixture) -> PlateauSchedule {
    PlateauSchedule(
      initial: fixture["lr"], gamma: fixture["factor"], minimum: fixture["min_lr"],
      patience: Int(fixture["patience"]), threshold: fixture.arguments["threshold"] ?? 1e-4)
  }

  private static let names = ["ReduceLROnPlateau", "ReduceLROnPlateau without patience"]

  @Test("rates are those of PyTorch's ReduceLROnPlateau", arguments: names)
  func pyTorch(name: String) throws {
    let fixture = try SchedulerFixture(name)
    #expect(Set(fixture.rates).count > 2)
    fixture.expectRates(of: schedule(fixture))
  }

  @Test("a schedule continued from a state has the rates of one that was not stopped")
  func resumed() throws {
    for name in Self.names {
      let fixture = try SchedulerFixture(name)
      for stop in fixture.errors.indices {
        var first = schedule(fixture)
        for error in fixture.errors[..<stop] { first.observe(error: error) }
        var second = schedule(fixture)
        try second.load(state: first.state)
        #expect(second == first)
        for error in fixture.errors[stop...] {
          first.observe(error: error)
          second.observe(error: error)
        }
        #expect(second == first && second.rate(afterSteps: 0) == first.rate(afterSteps: 0))
      }
    }
  }

  @Test("an error that is not a number is no improvement, and forgotten with the next")
  func notANumber() {
    var schedule = PlateauSchedule(
      initial: 1, gamma: 0.1, minimum: 0, patience: 1, threshold: 1e-4)
    #expect(schedule.state.isEmpty)
    schedule.observe(error: .nan)
    #expect(schedule.state.values.allSatisfy { $0.isFinite } && schedule.badEvaluations == 1)
    schedule.observe(error: 0.5)
    #expect(schedule.best == 0.5 && schedule.badEvaluations == 0)
  }

  @Test("a state with impossible counts is refused and nothing changes")
  func refused() {
    var schedule = PlateauSchedule(
      initial: 1, gamma: 0.1, minimum: 0, patience: 0, threshold: 0)
    schedule.observe(error: 0.5)
    schedule.observe(error: 0.5)
    let before = schedule
    for (key, value) in [("drops", -1.0), ("drops", 1e300), ("bad_evaluations", 0.5)] {
      #expect(throws: ScheduleStateError(key: key, value: value)) {
        try schedule.load(state: [key: value])
      }
      #expect(schedule == before)
    }
  }

  @Test("the state of a schedule without one is ignored")
  func otherSchedule() throws {
    var schedule = PlateauSchedule(
      initial: 1, gamma: 0.1, minimum: 0, patience: 0, threshold: 0)
    try schedule.load(state: [:])
    #expect(schedule.state.isEmpty && schedule.rate(afterSteps: 9) == 1)
    var constant = StepSchedule(initial: 1, gamma: 0.1, milestones: [])
    constant.observe(error: 0.5)
    try constant.load(state: ["drops": 3])
    #expect(constant.state.isEmpty && constant.rate(afterSteps: 9) == 1)
  }

  @Test("the summary says when the rate drops")
  func summary() {
    #expect(
      PlateauSchedule(initial: 0.1, gamma: 0.1, minimum: 1e-3, patience: 4, threshold: 0).summary
        == "lr 0.1, × 0.1 when the evaluations' error has not improved in 5 evaluations, down to 0.001"
    )
  }
}
