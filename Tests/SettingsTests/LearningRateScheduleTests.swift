/// The learning-rate schedules of configurations, and a run's length in steps.

import Optimizers
import Settings
import Testing

/// The timeline of a run with the given settings in the command line's spelling.
private func timeline(
  _ values: [(key: String, value: String)], images: Int
) throws -> TrainingTimeline {
  TrainingTimeline(try TrainingConfiguration(values), images: images)
}

/// The run's step schedule.
private func schedule(
  _ values: [(key: String, value: String)], images: Int
) throws -> StepSchedule {
  let configuration = try TrainingConfiguration(values)
  let timeline = TrainingTimeline(configuration, images: images)
  return try #require(configuration.learningRateSchedule(timeline) as? StepSchedule)
}

@Suite struct LearningRateScheduleTests {
  @Test("each schedule has the rates of its settings, over the whole run")
  func schedules() throws {
    for (name, settings, rates) in [
      ("constant", [], [0.1, 0.1, 0.1, 0.1]),
      ("step", [("lr-gamma", "0.5")], [0.1, 0.1, 0.05, 0.025]),
      ("cosine", [("iterations", "2")], [0.1, 0.05, 0, 0]),
      ("polynomial", [("lr-min", "0.02")], [0.1, 0.08, 0.06, 0.04]),
      ("polynomial", [("lr-power", "2")], [0.1, 0.05625, 0.025, 0.00625]),
      (
        "one-cycle",
        [
          ("one-cycle-pct-start", "0.5"), ("one-cycle-div-factor", "2"),
          ("one-cycle-final-div-factor", "5"),
        ], [0.05, 0.1, 0.055, 0.01]
      ),
      ("plateau", [("lr-min", "0.2")], [0.2, 0.2, 0.2, 0.2]),
    ] as [(String, [(key: String, value: String)], [Double])] {
      let configuration = try TrainingConfiguration(
        [("iterations", "4"), ("lr-schedule", name)] + settings)
      let timeline = TrainingTimeline(configuration, images: 1000)
      let schedule = configuration.learningRateSchedule(timeline)
      let found = (0..<4).map(schedule.rate(afterSteps:))
      for (rate, expected) in zip(found, rates) {
        #expect(abs(rate - expected) < 1e-15, "\(name) \(settings): \(found)")
      }
    }
  }

  @Test("patience and threshold are those of the plateau's settings")
  func plateau() throws {
    let configuration = try TrainingConfiguration([
      ("lr-schedule", "plateau"), ("plateau-patience", "1"), ("plateau-threshold", "0.5"),
    ])
    let timeline = TrainingTimeline(configuration, images: 1000)
    var schedule = configuration.learningRateSchedule(timeline)
    let rates = [0.8, 0.5, 0.5, 0.5].map { error in
      schedule.observe(error: error)
      return schedule.rate(afterSteps: 0)
    }
    #expect(rates == [0.1, 0.1, 0.01, 0.01])
  }

  @Test("iterations are steps, and milestones without % are iterations")
  func iterations() throws {
    let values = [("iterations", "64000"), ("lr-milestones", "32000,48000")]
    let run = try timeline(values, images: 50_000)
    #expect(run.steps == 64_000)
    #expect(try schedule(values, images: 50_000).milestones == [32_000, 48_000])
    #expect(run.epoch(afterSteps: 64_000) == 163)
  }

  @Test("in a run of epochs milestones without % are epochs, fractions of them too")
  func epochs() throws {
    let values = [("epochs", "4"), ("batch-size", "100"), ("lr-milestones", "2,2.5")]
    #expect(try timeline(values, images: 1000).steps == 40)
    #expect(try schedule(values, images: 1000).milestones == [20, 25])
  }

  @Test("milestones with % are parts of the run in either unit, the default 60% and 85%")
  func fractions() throws {
    let percents = ("lr-milestones", "0%, 12.5%,100%")
    #expect(
      try schedule([("iterations", "80"), percents], images: 7).milestones == [0, 10, 80])
    #expect(
      try schedule([("epochs", "8"), ("batch-size", "10"), percents], images: 100)
        .milestones == [0, 10, 80])
    // The default job: Fashion-MNIST for five epochs of 468.75 mini-batches.
    #expect(try timeline([], images: 60_000).steps == 2344)
    let usual = try schedule([], images: 60_000)
    #expect(usual.milestones == [1406, 1992])
    #expect(usual.rate(afterSteps: 2343) == 0.001)
  }

  @Test("without milestones the rate stays")
  func constant() throws {
    let constant = try schedule([("lr-milestones", "none"), ("lr", "0.05")], images: 60_000)
    #expect(constant.rate(afterSteps: 2343) == 0.05)
  }
}

@Suite struct TrainingTimelineTests {
  @Test("epochs end with the mini-batch that completes a pass, whatever the remainder")
  func endsOfEpochs() throws {
    let run = try timeline([("epochs", "5"), ("batch-size", "128")], images: 60_000)
    var step = 0
    var ends: [Int] = []
    while step < run.steps {
      step = run.endOfEpoch(afterSteps: step)
      ends.append(step)
    }
    #expect(ends == [469, 938, 1407, 1875, 2344])
    #expect(run.epochs == 5)
  }

  @Test("a run of epochs sees every image that often, and starts no mini-batch more")
  func length() throws {
    for (images, batch, epochs) in [
      (1, 1, 1), (100, 10, 3), (100, 7, 3), (101, 100, 5), (99, 100, 5), (100, 256, 5),
      (60_000, 128, 5), (50_000, 128, 164),
    ] {
      let run = try timeline(
        [("epochs", "\(epochs)"), ("batch-size", "\(batch)")], images: images)
      let what: Comment = "\(images) images by \(batch), \(epochs) epochs"
      #expect(run.steps * batch >= epochs * images, what)
      #expect((run.steps - 1) * batch < epochs * images, what)
      #expect(run.epoch(afterSteps: run.steps) >= epochs, what)
    }
  }

  @Test("from any step the end of its epoch is the first step that completes one more pass")
  func endFromAnywhere() throws {
    for (images, batch) in [(100, 10), (100, 7), (20, 16), (16, 20), (3, 10)] {
      let run = try timeline(
        [("iterations", "60"), ("batch-size", "\(batch)")], images: images)
      for step in 0..<60 {
        let passes = step * batch / images
        let first = (step...60).first { $0 * batch / images > passes } ?? 60
        #expect(run.endOfEpoch(afterSteps: step) == first, "\(images) by \(batch), step \(step)")
        #expect(run.epoch(afterSteps: step) == passes)
      }
    }
  }

  @Test("a run of iterations ends inside an epoch, which then ends with it")
  func unfinishedEpoch() throws {
    let run = try timeline([("iterations", "25"), ("batch-size", "10")], images: 100)
    #expect(run.epochs == 3)
    #expect(run.endOfEpoch(afterSteps: 20) == 25)
    #expect(try timeline([("iterations", "1"), ("batch-size", "10")], images: 100).epochs == 1)
    #expect(try timeline([("iterations", "20"), ("batch-size", "10")], images: 100).epochs == 2)
  }
}
