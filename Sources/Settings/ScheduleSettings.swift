/// The settings of a run's length and of its learning rate.

import Optimizers

/// How long to train.
package enum TrainingLength: Hashable, Sendable {
  case epochs(Int)
  case iterations(Int)
}

/// The schedules that can be chosen.
package enum ScheduleName: String, CaseIterable, Sendable {
  case step
  case constant
  case cosine
  case polynomial
  case oneCycle = "one-cycle"
  case plateau
}

/// A moment in a run at which the learning rate drops.
package enum Milestone: Hashable, Sendable {
  /// A part of the whole run, 0…1.
  case fraction(Double)
  /// In the unit of the run's length: epochs or iterations.
  case position(Double)
}

/// How long a run warms up.
package enum WarmUpLength: Hashable, Sendable {
  /// Passes over the training images, perhaps broken.
  case epochs(Double)
  case iterations(Int)
}

/// The length of a run and the learning rate of each of its steps.
package struct ScheduleSettings: Hashable, Sendable {
  package var length = TrainingLength.epochs(5)
  package var name = ScheduleName.step
  /// For a mini-batch of `learningRateReferenceBatch` images.
  package var learningRate = 0.1
  package var learningRateReferenceBatch: Int?
  package var milestones = [Milestone.fraction(0.60), Milestone.fraction(0.85)]
  package var gamma = 0.1
  package var minimum = 0.0
  package var power = 1.0
  package var patience = 10
  package var threshold = 1e-4
  package var risingFraction = 0.3
  package var startDivisor = 25.0
  package var endDivisor = 1e4
  /// Nil: no warm-up.
  package var warmUpLength: WarmUpLength?
  package var warmUpMethod = WarmUpMethod.linear
  package var warmUpRate: Double?
}

extension TrainingConfiguration {
  /// The learning-rate schedule of a run, warm-up included.
  package func learningRateSchedule(_ timeline: TrainingTimeline) -> any LearningRateSchedule {
    let warmUpSteps = warmUpSteps(images: timeline.images)
    let main = mainSchedule(timeline)
    if warmUpSteps == 0 { return main }
    return WarmUp(
      main, steps: warmUpSteps, startRate: warmUpStartRate, method: schedule.warmUpMethod)
  }

  private func mainSchedule(_ timeline: TrainingTimeline) -> any LearningRateSchedule {
    let rate = scaledLearningRate
    return switch schedule.name {
    case .step:
      StepSchedule(
        initial: rate, gamma: schedule.gamma,
        milestones: schedule.milestones.map { timeline.steps(until: $0) })
    case .constant: StepSchedule(initial: rate, gamma: schedule.gamma, milestones: [])
    case .cosine:
      CosineSchedule(initial: rate, minimum: schedule.minimum, steps: timeline.steps)
    case .polynomial:
      PolynomialSchedule(
        initial: rate, minimum: schedule.minimum, power: schedule.power, steps: timeline.steps)
    case .oneCycle:
      OneCycleSchedule(
        maximum: rate, risingFraction: schedule.risingFraction,
        startDivisor: schedule.startDivisor, endDivisor: schedule.endDivisor,
        steps: timeline.steps)
    case .plateau:
      PlateauSchedule(
        initial: rate, gamma: schedule.gamma, minimum: schedule.minimum,
        patience: schedule.patience, threshold: schedule.threshold)
    }
  }

  /// The rate before the schedule lowers it: `learningRate` times the mini-batch over the reference one
  /// (linear scaling rule, Goyal et al. 2017, §2.1).
  package var scaledLearningRate: Double {
    guard let reference = schedule.learningRateReferenceBatch else { return schedule.learningRate }
    return schedule.learningRate * Double(batchSize) / Double(reference)
  }

  /// The first rate of a warm-up: Goyal et al. begin with the reference mini-batch's rate; where that is
  /// not below the scaled one, a tenth of it, He et al.'s ratio.
  private var warmUpStartRate: Double {
    let (rate, scaled) = (schedule.learningRate, scaledLearningRate)
    return schedule.warmUpRate ?? (rate < scaled ? rate : scaled / 10)
  }

  private func warmUpSteps(images: Int) -> Int {
    switch schedule.warmUpLength {
    case nil: 0
    case .epochs(let count): Int((count * Double(images) / Double(batchSize)).rounded())
    case .iterations(let count): count
    }
  }
}

extension ScheduleSettings: SettingGroup {
  package static let settings: [Setting] = [
    Setting(key: "epochs", expected: "a whole number from 1 on") {
      if case .epochs(let count) = $0.schedule.length { String(count) } else { nil }
    } set: {
      guard let value = Int($1), (1..<1_000_000).contains(value) else { return false }
      $0.schedule.length = .epochs(value)
      return true
    }
    .option("Passes over the training images.", "N"),
    Setting(key: "iterations", expected: "a whole number from 1 on") {
      if case .iterations(let count) = $0.schedule.length { String(count) } else { nil }
    } set: {
      guard let value = Int($1), (1..<1_000_000_000).contains(value) else { return false }
      $0.schedule.length = .iterations(value)
      return true
    }
    .option("Length in mini-batches instead of epochs.", "N"),
    .real("lr", "a positive number", \.schedule.learningRate) { $0 > 0 }
      .option(
        "The learning rate before the schedule lowers it, after the warm-up if there is one.",
        "rate"),
    .optionalNumber("lr-reference-batch", 1..., \.schedule.learningRateReferenceBatch)
      .option(
        "The mini-batch that --lr is for: the rate is lr × batch-size / N.", "N",
        unset: "--lr as it is"),
    .choice("lr-schedule", \.schedule.name)
      .option(
        "What the rate does: \(ScheduleName.allCases.map(\.rawValue).joined(separator: ", ")).",
        "name", aliases: ["lr-scheduler", "sched"]),
    Setting(
      key: "lr-milestones",
      expected: "numbers in the unit of the run's length, or parts of it such as 60%,85%"
    ) {
      ValueSpelling.text($0.schedule.milestones)
    } set: {
      guard let value = ValueSpelling.milestones($1) else { return false }
      $0.schedule.milestones = value
      return true
    }
    .option(
      "step: when the rate drops, in the unit of the run's length (32000,48000), or in parts of it "
        + "(60%,85%), or none.", "list"),
    .real("lr-gamma", "a positive number", \.schedule.gamma) { $0 > 0 }
      .option("step, plateau: the factor at each drop.", "factor"),
    .real("lr-min", "a number from 0 on", \.schedule.minimum) { $0 >= 0 }
      .option("cosine, polynomial, plateau: the lowest rate.", "rate", aliases: ["min-lr"]),
    .real("lr-power", "a positive number", \.schedule.power) { $0 > 0 }
      .option("polynomial: the power of the remaining part of the run.", "p"),
    .number("plateau-patience", 0...1_000_000, \.schedule.patience)
      .option(
        "plateau: evaluations without a lower test error that are tolerated.", "N",
        aliases: ["patience-epochs"]),
    .real("plateau-threshold", "a number from 0 to below 1", \.schedule.threshold) {
      (0..<1).contains($0)
    }
    .option("plateau: how much lower, relative to the best, an error must be.", "part"),
    .real("one-cycle-pct-start", "a number from 0 to 1", \.schedule.risingFraction) {
      (0...1).contains($0)
    }
    .option("one-cycle: the part of the run in which the rate rises to --lr.", "part"),
    .real("one-cycle-div-factor", "a number from 1 on", \.schedule.startDivisor) { $0 >= 1 }
      .option("one-cycle: --lr over the first rate.", "factor"),
    .real("one-cycle-final-div-factor", "a number from 1 on", \.schedule.endDivisor) { $0 >= 1 }
      .option("one-cycle: the first rate over the last.", "factor"),
    Setting(key: "warmup-epochs", expected: "a number from 0 on; 0: no warm-up") {
      if case .epochs(let count) = $0.schedule.warmUpLength {
        ValueSpelling.shortest(count)
      } else {
        nil
      }
    } set: {
      guard let value = Double($1), (0..<1_000_000).contains(value) else { return false }
      $0.schedule.warmUpLength = value == 0 ? nil : .epochs(value)
      return true
    }
    .option(
      "Warm up: passes, whole or not, until the rate is reached.", "E",
      aliases: ["lr-warmup-epochs"], unset: "0"),
    Setting(key: "warmup-iterations", expected: "a whole number from 0 on; 0: no warm-up") {
      if case .iterations(let count) = $0.schedule.warmUpLength { String(count) } else { nil }
    } set: {
      guard let value = Int($1), (0..<1_000_000_000).contains(value) else { return false }
      $0.schedule.warmUpLength = value == 0 ? nil : .iterations(value)
      return true
    }
    .option("The same in mini-batches.", "N"),
    .choice("warmup-method", \.schedule.warmUpMethod)
      .option(
        "Whether the rate grows at each step (linear) or stays low until the end (constant).",
        "name", aliases: ["lr-warmup-method"]),
    .optionalReal("warmup-lr", "a number from 0 on", \.schedule.warmUpRate) { $0 >= 0 }
      .option(
        "The warm-up's first rate.", "rate",
        unset: "--lr where --lr-reference-batch raises it, else a tenth of the rate"),
  ]
}
