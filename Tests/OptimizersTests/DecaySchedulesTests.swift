/// Rates that change at every step: cosine, polynomial and one-cycle.

import Optimizers
import Testing

@Suite struct CosineScheduleTests {
  @Test("rates are those of PyTorch's CosineAnnealingLR", arguments: ["", " with a minimum"])
  func pyTorch(which: String) throws {
    let fixture = try SchedulerFixture("CosineAnnealingLR\(which)")
    fixture.expectRates(
      of: CosineSchedule(
        initial: fixture["lr"], minimum: fixture["eta_min"], steps: Int(fixture["T_max"])))
  }

  @Test("the rate ends at the minimum and stays there")
  func minimum() {
    let schedule = CosineSchedule(initial: 1, minimum: 0.5, steps: 4)
    #expect(schedule.rate(afterSteps: 0) == 1 && schedule.rate(afterSteps: 2) == 0.75)
    #expect(schedule.rate(afterSteps: 4) == 0.5 && schedule.rate(afterSteps: 9) == 0.5)
  }

  @Test("the summary gives both rates")
  func summary() {
    #expect(
      CosineSchedule(initial: 0.1, minimum: 0, steps: 4).summary
        == "lr from 0.1 down to 0, half a cosine wave")
  }
}

@Suite struct PolynomialScheduleTests {
  @Test(
    "rates are those of PyTorch's PolynomialLR",
    arguments: ["", " of power 2", " of power 0.9"])
  func pyTorch(which: String) throws {
    let fixture = try SchedulerFixture("PolynomialLR\(which)")
    fixture.expectRates(
      of: PolynomialSchedule(
        initial: fixture["lr"], minimum: 0, power: fixture["power"],
        steps: Int(fixture["total_iters"])))
  }

  @Test("the rate ends at the minimum and stays there")
  func minimum() {
    let schedule = PolynomialSchedule(initial: 1, minimum: 0.5, power: 1, steps: 4)
    #expect((0...5).map(schedule.rate(afterSteps:)) == [1, 0.875, 0.75, 0.625, 0.5, 0.5])
    #expect(
      PolynomialSchedule(initial: 1, minimum: 0, power: 1, steps: 0).rate(afterSteps: 0) == 0)
  }

  @Test("the summary gives both rates and the power")
  func summary() {
    #expect(
      PolynomialSchedule(initial: 0.1, minimum: 0, power: 2, steps: 4).summary
        == "lr from 0.1 down to 0, polynomial of power 2")
  }
}

@Suite struct OneCycleScheduleTests {
  @Test(
    "rates are those of PyTorch's OneCycleLR", arguments: ["", " between steps", " of a few steps"])
  func pyTorch(which: String) throws {
    let fixture = try SchedulerFixture("OneCycleLR\(which)")
    fixture.expectRates(
      of: OneCycleSchedule(
        maximum: fixture["max_lr"], risingFraction: fixture["pct_start"],
        startDivisor: fixture["div_factor"], endDivisor: fixture["final_div_factor"],
        steps: Int(fixture["total_steps"])))
  }

  @Test("every rate of a run of any length is between the last and the maximum")
  func bounds() {
    for steps in 1...40 {
      for fraction in [0, 0.1, 0.3, 0.5, 1] {
        let schedule = OneCycleSchedule(
          maximum: 1, risingFraction: fraction, startDivisor: 25, endDivisor: 100, steps: steps)
        for step in 0...steps {
          let rate = schedule.rate(afterSteps: step)
          #expect(1.0 / 2500 - 1e-12 <= rate && rate <= 1, "\(step) of \(steps), \(fraction)")
        }
      }
    }
  }

  @Test("the summary gives all three rates")
  func summary() {
    #expect(
      OneCycleSchedule(
        maximum: 0.4, risingFraction: 0.3, startDivisor: 25, endDivisor: 1e4, steps: 20
      ).summary
        == "one cycle, lr from 0.016 up to 0.4 in 30 % of the iterations, then down to 1.6e-06")
  }
}
