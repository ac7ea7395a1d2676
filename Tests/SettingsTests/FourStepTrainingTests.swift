/// The four runs that alternating training is made of, against the numbers of the papers.

import Optimizers
import Settings
import Testing

@Suite struct FourStepTrainingTests {
  private static func steps(
    _ recipe: Recipe, _ changes: ConfigurationChanges = []
  ) -> [TrainingConfiguration] {
    let whole = (recipe.changes + changes).applied(to: TrainingConfiguration())
    return FourStepTraining.allCases.map { $0.configuration(of: whole, in: "runs/voc") }
  }

  /// A run's steps, and those after which its rate drops, with the rates.
  private static func schedule(
    _ configuration: TrainingConfiguration, images: Int
  ) -> (steps: Int, rates: [(after: Int, rate: Double)]) {
    let timeline = TrainingTimeline(configuration, images: images)
    let schedule = configuration.learningRateSchedule(timeline)
    var rates: [(after: Int, rate: Double)] = []
    // After the warm-up.
    for step in 200..<timeline.steps {
      let rate = schedule.rate(afterSteps: step)
      if rates.last?.rate != rate { rates.append((step, rate)) }
    }
    return (timeline.steps, rates)
  }

  @Test("VOC: 80k, 40k, 80k and 40k iterations at one rate, divided by 10 for the last quarter")
  func voc() {
    let steps = Self.steps(.he2015VOCFourSteps)
    #expect(steps.map(\.parallel.batchSize) == [8, 16, 8, 16])
    for (configuration, length) in zip(steps, [80_000, 40_000, 80_000, 40_000]) {
      let (count, rates) = Self.schedule(configuration, images: 16_551)
      #expect(count == length)
      #expect(rates.map(\.after) == [200, length * 3 / 4])
      // 0.001 for one image and for two, eight times as many.
      #expect(abs(rates[0].rate - 0.008) < 1e-12 && abs(rates[1].rate - 0.0008) < 1e-12)
    }
  }

  @Test("COCO: 240k iterations at 0.001 and 80k at 0.0001 with 8 and with 16 images")
  func coco() {
    let steps = Self.steps(.he2015COCOFourSteps)
    #expect(steps.map(\.parallel.batchSize) == [8, 16, 8, 16])
    for configuration in steps {
      let (count, rates) = Self.schedule(configuration, images: 80_000)
      #expect(count == 320_000 && rates.map(\.after) == [200, 240_000])
      #expect(abs(rates[0].rate - 0.001) < 1e-12 && abs(rates[1].rate - 0.0001) < 1e-12)
    }
  }

  @Test("what a step trains, with which weights and proposals")
  func parts() {
    let steps = Self.steps(
      .he2015VOCFourSteps, [.init(\.network.weights, "resnet101.safetensors")])
    func text(_ key: String) -> [String?] {
      steps.map { step in step.values.first { $0.key == key }?.value }
    }
    #expect(text("training") == ["rpn", "fast-rcnn", "rpn", "fast-rcnn"])
    #expect(
      text("weights") == [
        "resnet101.safetensors", "resnet101.safetensors", "runs/voc/step2", "runs/voc/step3",
      ])
    #expect(text("proposals-from") == [nil, "runs/voc/step1", nil, nil])
    #expect(text("freeze-stages") == ["2", "2", "4", "4"])
    #expect(text("run-dir") == (1...4).map { "runs/voc/step\($0)" })
  }

  @Test("a length in epochs counts images, and drops that are given as numbers move with it")
  func epochs() {
    let steps = Self.steps(
      .he2015COCOFourSteps,
      [
        .init(\.schedule.length, .epochs(12)), .init(\.schedule.milestones, [.position(9)]),
        .init(\.detection.regionStepBatchSize, 24),
      ])
    #expect(
      steps.map(\.schedule.length) == [.epochs(12), .epochs(36), .epochs(12), .epochs(36)])
    #expect(steps.map(\.schedule.milestones) == [9, 27, 9, 27].map { [.position($0)] })
    let timelines = steps.map { TrainingTimeline($0, images: 800).steps }
    #expect(timelines == [1200, 1200, 1200, 1200])
    let short = Self.steps(.he2015VOCFourSteps, [.init(\.schedule.length, .iterations(1))])
    #expect(short.map(\.schedule.length) == [1, 1, 1, 1].map { .iterations($0) })
  }
}
