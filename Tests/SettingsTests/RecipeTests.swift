/// Recipes: what they set, and what wins over them.

import Datasets
import Foundation
import Optimizers
import Networks
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

  @Test(
    "torchvision-v2 has the flags of torchvision's reference training, its average adjusted as there"
  )
  func torchvisionV2() throws {
    let configuration = Recipe.torchvisionV2.changes.applied(to: TrainingConfiguration())
    let timeline = TrainingTimeline(configuration, images: 1_281_167)
    let schedule = configuration.learningRateSchedule(timeline)
    #expect(schedule.rate(afterSteps: 0) == 0.005)
    #expect(schedule.rate(afterSteps: timeline.steps - 1) < 1e-5)
    // Epoch 300 of torchvision's scheduler, whose cosine lasts 595 epochs, up to a step's rounding.
    let middle = schedule.rate(afterSteps: timeline.steps / 2 + 5)
    let cosine = 0.25 * (1 + cos(Double.pi * 295 / 595))
    #expect(
      abs(middle - cosine) < 1e-5 && schedule.rate(afterSteps: timeline.steps / 2 + 900) == middle)
    #expect(configuration.sampleRepetition == SampleRepetition(count: 4, groups: 8))
    #expect(configuration.mixing?.groupSize == 128)
    let average = try #require(configuration.weightAverage(timeline))
    // min(1, (1 − 0.99998) · 8 ranks · 128 images · 32 steps / 600 epochs).
    #expect(abs(1 - average.decay - 2e-5 * 1024 * 32 / 600) < 1e-9 && average.interval == 32)
    // As torchvision adjusts it for 90 epochs of 512 images, in either unit.
    for length in [TrainingLength.epochs(90), .iterations(90 * 1_281_167 / 512)] {
      var shorter = configuration
      (shorter.schedule.length, shorter.parallel.batchSize) = (length, 512)
      let average = try #require(
        shorter.weightAverage(TrainingTimeline(shorter, images: 1_281_167)))
      #expect(abs(1 - average.decay - 2e-5 * 512 * 32 / 90) < 1e-7)
    }
    #expect(configuration.augmentation.automatic == .trivialWide)
    #expect(configuration.augmentation.mixing?.labelSmoothing == 0.1)
    let images = try configuration.data.testTransform(nil)
    #expect(images == .test(resize: 232, size: 224))
    #expect(try configuration.trainingTransform(nil).outputShape(of: nil)?.height == 176)
  }

  @Test("timm-a3-like has the paper's optimizer and loss")
  func timmA3() throws {
    let configuration = Recipe.timmA3.changes.applied(to: TrainingConfiguration())
    let rule = try #require(configuration.optimizer.rule as? LAMB)
    #expect(
      rule
        == LAMB(
          momentum: 0.9, secondMomentum: 0.999, epsilon: 1e-6, weightDecay: 0.02,
          normalizationWeightDecay: 0, gradientNorm: 1))
    #expect(configuration.augmentation.binaryTargets?.threshold == 0.2)
    #expect(configuration.parallel.batchSize == 2048 && configuration.schedule.learningRate == 8e-3)
  }

  @Test("ffcv trains with 160 pixels for four fifths of the run, then with 192")
  func ffcv() throws {
    let configuration = Recipe.ffcv.changes.applied(to: TrainingConfiguration())
    let timeline = TrainingTimeline(configuration, images: 1_281_167)
    let source = SyntheticImages(count: 4, classCount: 2, seed: 1, split: .train)
    let phases = try configuration.trainingPhases(for: source, timeline)
    #expect(phases.map(\.start) == [0, (timeline.steps * 4 + 2) / 5])
    #expect(phases.map { $0.transform.outputShape(of: nil)?.height } == [160, 192])
    #expect(timeline.steps == (88 * 1_281_167 + 4095) / 4096)
    #expect(configuration.data.testResize == 293 && configuration.data.testSize == 256)
    // np.interp(epoch, [0, 2, 88], [1.7e-4, 1.7, 0]) of ffcv-imagenet, 312.79 steps an epoch.
    let schedule = configuration.learningRateSchedule(timeline)
    for (step, rate) in [
      (0, 1.7e-4), (313, 0.850085), (626, 1.7), (13_763, 0.869767), (timeline.steps, 0),
    ] {
      #expect(abs(schedule.rate(afterSteps: step) - rate) < 2e-3, "after \(step) steps")
    }
    var late = configuration
    late.data.imageSizeSchedule[0].start = .fraction(0.9)
    #expect(throws: ImageSizeError.phaseOrder(side: 192)) {
      try late.trainingPhases(for: source, timeline)
    }
    late.data.imageSize = 224
    #expect(throws: ImageSizeError.otherLastSize(size: 224, last: 192)) {
      try late.trainingTransform(nil)
    }
  }

  @Test("a recipe's values for blocks that a network does not have are left out, others stay")
  func otherNetworks() {
    let recipe = Recipe.he2015VOC.changes
    for (model, stride) in [
      ("resnet101", BottleneckStride.first1x1), ("resnext50_32x4d", .first1x1), ("resnet18", nil),
      ("plain34", nil), ("resnet20", nil), ("unheard-of", .first1x1),
    ] {
      let configuration = recipe.applicable(to: model).applied(to: TrainingConfiguration())
      #expect(configuration.network.stridePlacement == stride, "\(model)")
      #expect(configuration.schedule.learningRate == 0.001)
    }
    for (model, isZero) in [("resnet34", true), ("plain34", false)] {
      let configuration = Recipe.goyal2017.changes.applicable(to: model)
        .applied(to: TrainingConfiguration())
      #expect(configuration.network.zeroInitResidual == isZero, "\(model)")
    }
  }

  @Test(
    "a recipe of another length drops the rate as often, in either unit",
    arguments: [Recipe.goyal2017, .resNeXtCIFAR, .resNeXtImageNet, .torchvisionV1])
  func lengths(recipe: Recipe) {
    let drops = recipe.changes.applied(to: TrainingConfiguration()).schedule.milestones.count
    for length in [TrainingLength.epochs(9), .iterations(1000)] {
      let configuration = (recipe.changes + [.init(\.schedule.length, length)])
        .applied(to: TrainingConfiguration())
      let timeline = TrainingTimeline(configuration, images: 1_281_167)
      let last = configuration.learningRateSchedule(timeline).rate(afterSteps: timeline.steps - 1)
      let lowest = configuration.scaledLearningRate / pow(10, Double(drops))
      #expect(abs(last / lowest - 1) < 1e-9)
      #expect(configuration.notesOfUnreachedMilestones(timeline).isEmpty)
    }
  }

  @Test("milestones after a run's end are named, unless the schedule has none")
  func unreached() {
    func notes(_ more: ConfigurationChanges) -> [String] {
      let changes: ConfigurationChanges = [
        .init(\.schedule.length, .epochs(20)),
        .init(\.schedule.milestones, [.position(10), .position(30), .position(60)]),
      ]
      let configuration = (changes + more).applied(to: TrainingConfiguration())
      return configuration.notesOfUnreachedMilestones(
        TrainingTimeline(configuration, images: 1000))
    }
    #expect(notes([]).map { $0.contains("at 30 and 60;") } == [true])
    #expect(notes([.init(\.schedule.name, .cosine)]) == [])
    // After a warm-up of 12 epochs the schedule has 8.
    let warmUp: ConfigurationChanges = [
      .init(\.schedule.warmUpLength, .epochs(12)), .init(\.schedule.warmUpPrecedes, true),
    ]
    #expect(notes(warmUp).map { $0.contains("at 10 and 30 and 60;") } == [true])
    let phases: ConfigurationChanges = [
      .init(\.schedule.name, .cosine),
      .init(
        \.data.imageSizeSchedule,
        [
          ImageSizePhase(side: 24, start: .fraction(0)),
          ImageSizePhase(side: 32, start: .position(21)),
        ]),
    ]
    #expect(notes(phases).map { $0.contains("32 pixels at 21;") } == [true])
  }

  @Test("only a step schedule has milestones", arguments: Recipe.allCases)
  func milestones(recipe: Recipe) {
    let name = recipe.changes.applied(to: TrainingConfiguration()).schedule.name
    #expect(name == .step || !recipe.changes.contains(\.schedule.milestones))
  }

  @Test("torchvision-v1 drops the rate after 30 and 60 of 90 epochs")
  func torchvisionV1() {
    let configuration = Recipe.torchvisionV1.changes.applied(to: TrainingConfiguration())
    let timeline = TrainingTimeline(configuration, images: 256 * 10)
    let schedule = configuration.learningRateSchedule(timeline)
    #expect(
      [299, 300, 600].map { schedule.rate(afterSteps: $0) } == [0.1, 0.01, 0.001])
  }

  @Test("VOC's recipes tell that their mini-batches and rates are larger; COCO's are the paper's")
  func detectionDepartures() throws {
    for recipe in [Recipe.he2015VOC, .he2015VOCFourSteps] {
      #expect(recipe.changes.applied(to: TrainingConfiguration()).scaledLearningRate == 0.008)
      #expect(try #require(recipe.departure).contains("8 times the rate"), "\(recipe)")
    }
    for recipe in [Recipe.he2015COCO, .he2015COCOFourSteps] {
      #expect(recipe.changes.applied(to: TrainingConfiguration()).scaledLearningRate == 0.001)
      #expect(try #require(recipe.departure).contains("8 times") == false, "\(recipe)")
    }
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
