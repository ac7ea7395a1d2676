/// The warm-up around any schedule.

import Optimizers
import Testing

@Suite struct WarmUpTests {
  private let step = StepSchedule(initial: 1, gamma: 0.1, milestones: [5])

  @Test("a milestone in the warm-up lowers what the ramp goes towards")
  func milestoneInside() {
    let schedule = WarmUp(step, steps: 10, startRate: 0)
    #expect(schedule.rate(afterSteps: 4) == 0.4)
    #expect(abs(schedule.rate(afterSteps: 8) - 0.08) < 1e-15)
    #expect(schedule.rate(afterSteps: 10) == 0.1)
  }

  @Test("a constant warm-up has one rate, and then the schedule's")
  func constant() {
    let schedule = WarmUp(step, steps: 3, startRate: 0.25, method: .constant)
    #expect((0..<6).map(schedule.rate(afterSteps:)) == [0.25, 0.25, 0.25, 1, 1, 0.1])
  }

  @Test("torchvision's V2 rates: a warm-up before half a cosine wave, constant in each epoch")
  func sequential() throws {
    let fixture = try SchedulerFixture("SequentialLR of torchvision's V2 weights")
    // Epochs of whole steps, so that no position is rounded.
    let steps = 7
    let schedule = EpochwiseSchedule(
      WarmUp(
        CosineSchedule(initial: fixture["lr"], minimum: 0, steps: 595 * steps), steps: 5 * steps,
        startRate: 0.005, precedes: true), images: 32 * steps, batchSize: 32)
    let found = (0..<600 * steps).map { schedule.rate(afterSteps: $0) }
    let expected = fixture.rates.flatMap { Array(repeating: $0, count: steps) }
    // PyTorch's cosine is a recurrence, which rounds 600 times.
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-12 })
  }

  @Test("errors and state are those of the schedule inside")
  func state() throws {
    let plateau = PlateauSchedule(
      initial: 1, gamma: 0.5, minimum: 0, patience: 0, threshold: 0)
    var first = WarmUp(plateau, steps: 2, startRate: 0)
    for error in [0.5, 0.5, 0.5] { first.observe(error: error) }
    #expect(first.rate(afterSteps: 1) == 0.125 && first.rate(afterSteps: 2) == 0.25)
    var second = WarmUp(plateau, steps: 2, startRate: 0)
    try second.load(state: first.state)
    #expect(second.state == first.state && second.rate(afterSteps: 2) == 0.25)
  }

  @Test("the summary adds a line to the schedule's")
  func summary() {
    #expect(
      WarmUp(step, steps: 1000, startRate: 0.1).summary
        == step.summary + "\nwarm-up of 1,000 iterations: lr from 0.1 up in even steps")
    #expect(
      WarmUp(step, steps: 400, startRate: 0.01, method: .constant).summary
        == step.summary + "\nwarm-up of 400 iterations: lr 0.01")
  }

  @Test("a warm-up's end is known, through other adjustments too")
  func end() {
    let step = StepSchedule(initial: 0.1, gamma: 0.1, milestones: [])
    let warmUp = WarmUp(step, steps: 10, startRate: 0.01)
    for schedule in [warmUp, EpochwiseSchedule(warmUp, images: 64, batchSize: 8)]
      as [any LearningRateSchedule]
    {
      #expect(schedule.isWarmUp(afterSteps: 9) && !schedule.isWarmUp(afterSteps: 10))
    }
    var byError = ErrorWarmUp(step, rate: 0.01, until: 0.8)
    #expect(byError.isWarmUp(afterSteps: 1000))
    byError.observe(trainingError: 0.7)
    #expect(!byError.isWarmUp(afterSteps: 0))
  }
}
