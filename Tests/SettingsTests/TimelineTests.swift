/// Tests of lengths, epochs and learning rates against hand-worked numbers.

import Optimizers
import Settings
import Testing

@Suite struct TimelineTests {
  private func timeline(
    _ change: (inout TrainingConfiguration) -> Void, images: Int
  ) -> TrainingTimeline {
    run(change, images: images).timeline
  }

  private func run(
    _ change: (inout TrainingConfiguration) -> Void, images: Int
  ) -> (timeline: TrainingTimeline, schedule: any LearningRateSchedule) {
    var configuration = TrainingConfiguration()
    change(&configuration)
    let timeline = TrainingTimeline(configuration, images: images)
    return (timeline, configuration.learningRateSchedule(timeline))
  }

  @Test("the default job is 2,344 steps with drops after 60 % and 85 %")
  func defaultJob() {
    let (timeline, schedule) = run({ _ in }, images: 60_000)
    #expect(timeline.steps == 2344)
    #expect((schedule as? StepSchedule)?.milestones == [1406, 1992])
    #expect(timeline.epochs == 5)
  }

  @Test("the paper's CIFAR-10 schedule: 64k iterations, divided by 10 at 32k and 48k")
  func paper() {
    let (timeline, schedule) = run(
      {
        $0.schedule.length = .iterations(64_000)
        $0.schedule.milestones = [.position(32_000), .position(48_000)]
      }, images: 50_000)
    #expect(timeline.steps == 64_000)
    #expect(schedule.rate(afterSteps: 0) == 0.1)
    #expect(schedule.rate(afterSteps: 31_999) == 0.1)
    #expect(schedule.rate(afterSteps: 32_000) == 0.01)
    #expect(schedule.rate(afterSteps: 47_999) == 0.01)
    #expect(schedule.rate(afterSteps: 48_000) == 0.001)
    #expect(timeline.epochs == 164)
  }

  @Test("milestones of a run in epochs are epochs")
  func epochMilestones() {
    let (timeline, schedule) = run(
      {
        $0.schedule.length = .epochs(10)
        $0.parallel.batchSize = 100
        $0.schedule.milestones = [.position(5), .position(7.5)]
      }, images: 1000)
    #expect(timeline.steps == 100)
    #expect((schedule as? StepSchedule)?.milestones == [50, 75])
  }

  @Test(
    "epochs end with the first step that completes a pass over the images",
    arguments: [(10, 4), (60_000, 128), (7, 7), (5, 8), (96, 32), (1, 3)])
  func epochEnds(images: Int, batch: Int) {
    let epochs = 4
    let timeline = timeline(
      {
        $0.schedule.length = .epochs(epochs)
        $0.parallel.batchSize = batch
      }, images: images)
    var ends: [Int] = []
    var step = 0
    while step < timeline.steps {
      let end = timeline.endOfEpoch(afterSteps: step)
      #expect(end > step)
      ends.append(end)
      step = end
    }
    // Every end is the first step with k·images or more seen; epochs shorter than a step merge.
    let expected = (1...epochs).map { k in (1...).first { $0 * batch >= k * images }! }
    #expect(ends == Array(Set(expected)).sorted())
    #expect(timeline.steps == expected.last)
  }
}
