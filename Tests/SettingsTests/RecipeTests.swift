/// Recipes: what they set, and what wins over them.

import Optimizers
import Settings
import Testing

@Suite struct RecipeTests {
  @Test("he2015-cifar has the numbers of He et al. 2015, §4.2")
  func he2015() {
    let configuration = Recipe.he2015CIFAR.changes.applied(to: TrainingConfiguration())
    let timeline = TrainingTimeline(configuration, images: 45_000)
    let schedule = configuration.learningRateSchedule(timeline)
    let rates = [0, 31_999, 32_000, 47_999, 48_000, 63_999].map { schedule.rate(afterSteps: $0) }
    #expect(rates == [0.1, 0.1, 0.01, 0.01, 0.001, 0.001])
    #expect(timeline.steps == 64_000 && configuration.parallel.batchSize == 128)
    #expect(configuration.optimizer.weightDecay == 1e-4 && configuration.optimizer.momentum == 0.9)
    #expect(configuration.augmentation.cropPadding == 4 && configuration.augmentation.flip)
    #expect(configuration.data.mean == .perPixel && configuration.data.validationSplit == 5000)
  }

  @Test("a shorter run of it drops the rate at the same parts")
  func quarter() {
    let configuration =
      (Recipe.he2015CIFAR.changes + [.init(\.schedule.length, .iterations(16_000))])
      .applied(to: TrainingConfiguration())
    let schedule = configuration.learningRateSchedule(
      TrainingTimeline(configuration, images: 45_000))
    #expect(
      [7_999, 8_000, 12_000].map { schedule.rate(afterSteps: $0) } == [0.1, 0.01, 0.001])
  }

  @Test("the 110-layer recipe warms up by the training error")
  func warmUp() {
    let configuration = Recipe.he2015CIFAR110.changes.applied(to: TrainingConfiguration())
    let timeline = TrainingTimeline(configuration, images: 45_000)
    var schedule = configuration.learningRateSchedule(timeline)
    #expect(schedule.rate(afterSteps: 399) == 0.01)
    schedule.observe(trainingError: 0.79)
    #expect(schedule.rate(afterSteps: 400) == 0.1)
  }

  @Test("goyal2017 scales the rate with the mini-batch and warms up for five epochs")
  func goyal() {
    let configuration = Recipe.goyal2017.changes.applied(to: TrainingConfiguration())
    let timeline = TrainingTimeline(configuration, images: 1_281_167)
    let schedule = configuration.learningRateSchedule(timeline)
    #expect(configuration.scaledLearningRate == 3.2 && schedule.rate(afterSteps: 0) == 0.1)
    #expect(schedule.rate(afterSteps: 800) == 3.2)
    #expect(abs(schedule.rate(afterSteps: 85 * 157) - 0.0032) < 1e-12)
  }

  @Test("every recipe can be read back from what it shows", arguments: Recipe.allCases)
  func values(recipe: Recipe) throws {
    let read = try ConfigurationChanges(parsing: recipe.values.map { .init($0.key, $0.value) })
    #expect(
      read.applied(to: TrainingConfiguration())
        == recipe.changes.applied(to: TrainingConfiguration()))
    #expect(recipe.values.count > 5 && !recipe.source.isEmpty)
  }
}
