/// Warm-up and the linear scaling rule, by numbers of the papers.

import Optimizers
import Settings
import Testing

@Suite struct WarmUpTests {
  /// The schedule of a run with the given settings in the command line's spelling.
  private func schedule(
    _ values: [(key: String, value: String)], images: Int
  ) throws -> any LearningRateSchedule {
    let configuration = try TrainingConfiguration(values)
    return configuration.learningRateSchedule(TrainingTimeline(configuration, images: images))
  }

  /// The same, with its warm-up around a step schedule.
  private func warmUp(
    _ values: [(key: String, value: String)], images: Int
  ) throws -> (warmUp: WarmUp, schedule: StepSchedule) {
    let warmUp = try #require(try schedule(values, images: images) as? WarmUp)
    return (warmUp, try #require(warmUp.schedule as? StepSchedule))
  }

  private func isClose(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= 1e-14 * abs(b) }

  @Test("Goyal et al. 2017, §5.1: 8,192 images a step, 0.1 to 3.2 in 5 epochs, ÷ 10 at 30, 60, 80")
  func goyal() throws {
    // ImageNet: 1,281,167 images are 156.39 steps, 5 epochs 781.96.
    let (schedule, inner) = try warmUp(
      [
        ("epochs", "90"), ("batch-size", "8192"), ("lr", "0.1"), ("lr-reference-batch", "256"),
        ("lr-milestones", "30,60,80"), ("warmup-epochs", "5"),
      ], images: 1_281_167)
    #expect(inner.initial == 3.2)
    #expect(schedule.steps == 782 && schedule.startRate == 0.1 && schedule.method == .linear)
    #expect(inner.milestones == [4692, 9384, 12_511])
    // "Increment it by a constant amount at each iteration": 3.1 / 782.
    for (step, rate) in [
      (0, 0.1), (1, 0.1 + 3.1 / 782), (391, 1.65), (781, 3.2 - 3.1 / 782), (782, 3.2), (4691, 3.2),
      (4692, 0.32), (9384, 0.032), (12_511, 0.0032),
    ] { #expect(isClose(schedule.rate(afterSteps: step), rate), "after \(step) steps") }
  }

  @Test("He et al. 2015, §4.2, 110 layers: 0.01 for 400 iterations, then 0.1, ÷ 10 at 32k and 48k")
  func he() throws {
    let schedule = try schedule(
      [
        ("iterations", "64000"), ("lr-milestones", "32000,48000"), ("warmup-iterations", "400"),
        ("warmup-method", "constant"),
      ], images: 45_000)
    for (step, rate) in [
      (0, 0.01), (399, 0.01), (400, 0.1), (31_999, 0.1), (32_000, 0.01), (48_000, 0.001),
    ] { #expect(schedule.rate(afterSteps: step) == rate, "after \(step) steps") }
  }

  @Test("a given first rate is taken, 0 too")
  func firstRate() throws {
    for (first, half) in [("0", 0.05), ("0.02", 0.06)] {
      let schedule = try schedule(
        [("iterations", "100"), ("warmup-iterations", "10"), ("warmup-lr", first)], images: 1000)
      #expect(schedule.rate(afterSteps: 0) == Double(first))
      #expect(isClose(schedule.rate(afterSteps: 5), half))
      #expect(schedule.rate(afterSteps: 10) == 0.1)
    }
  }

  @Test("where scaling does not raise the rate, the warm-up begins with a tenth of it")
  func smallBatch() throws {
    for (batch, rate) in [("128", 0.05), ("256", 0.1)] {
      let (warmUp, inner) = try warmUp(
        [
          ("iterations", "100"), ("batch-size", batch), ("lr-reference-batch", "256"),
          ("warmup-iterations", "10"),
        ], images: 1000)
      #expect(inner.initial == rate)
      #expect(warmUp.steps == 10 && warmUp.startRate == rate / 10 && warmUp.method == .linear)
    }
  }

  @Test("a warm-up in epochs is one in either unit of the run's length, and may be broken")
  func units() throws {
    for length in [("epochs", "4"), ("iterations", "40")] {
      for (epochs, steps) in [("1", 10), ("0.25", 3), ("0.24", 2), ("2.5", 25), ("400", 4000)] {
        let values = [length, ("batch-size", "100"), ("warmup-epochs", epochs)]
        #expect(try warmUp(values, images: 1000).warmUp.steps == steps, "\(length) \(epochs)")
      }
      #expect(
        try schedule([length, ("batch-size", "100"), ("warmup-epochs", "0.01")], images: 1000)
          is StepSchedule)
    }
  }

  @Test("after a warm-up that precedes, parts are of the rest and positions count from its end")
  func precedingWarmUp() throws {
    for milestones in ["60%,85%", "72,102"] {
      let schedule = try schedule(
        [
          ("iterations", "160"), ("warmup-iterations", "40"), ("warmup-prefix", "true"),
          ("lr-milestones", milestones),
        ], images: 1000)
      for (step, rate) in [(40, 0.1), (111, 0.1), (112, 0.01), (141, 0.01), (142, 0.001)] {
        #expect(isClose(schedule.rate(afterSteps: step), rate), "\(milestones), after \(step)")
      }
      #expect(schedule.summary.contains("from whose end the schedule counts"))
    }
  }
}
