/// The settings of a run's length and of its learning rate.

import Foundation
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

/// When the rate changes.
package enum RateInterval: String, CaseIterable, Sendable {
  case iteration
  /// An epoch has the rate of its first step.
  case epoch
}

/// How long a run warms up.
package enum WarmUpLength: Hashable, Sendable {
  /// Passes over the training images, perhaps broken.
  case epochs(Double)
  case iterations(Int)
  /// Until the training error, a fraction, is lower.
  case trainingError(Double)
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
  /// Whether the schedule begins after the warm-up.
  package var warmUpPrecedes = false
  package var interval = RateInterval.iteration
}

extension ScheduleSettings: SettingGroup {
  package static let title = "Length and learning rate"

  package static let settings: [Setting] = [
    Setting(
      "epochs", \.schedule.length, .epochs, "Passes over the training images.", isCommon: true),
    Setting(
      "iterations", \.schedule.length, .iterations, "Length in mini-batches instead of epochs.",
      isCommon: true),
    Setting(
      "lr", \.schedule.learningRate, .positive, valueName: "rate",
      "The learning rate before the schedule lowers it, after the warm-up if there is one.",
      aliases: ["learning-rate"], isCommon: true),
    Setting(
      "lr-reference-batch", \.schedule.learningRateReferenceBatch, .integer(1...),
      "The mini-batch that --lr is for: the rate is lr × batch-size / N.",
      unset: "--lr as it is"),
    Setting(
      "lr-schedule", \.schedule.name, .schedule,
      "How the rate changes: \(ScheduleName.allCases.map(\.rawValue).joined(separator: ", ")).",
      aliases: ["lr-scheduler", "sched"]),
    Setting(
      "lr-milestones", \.schedule.milestones, .milestones,
      "step: when the rate drops, in the unit of the run's length (32000,48000), or in parts of it "
        + "(60%,85%), or none."),
    Setting(
      "lr-gamma", \.schedule.gamma, .positive, valueName: "factor",
      "step, plateau: the factor at each drop."),
    Setting(
      "lr-min", \.schedule.minimum, .real(0...), valueName: "rate",
      "cosine, polynomial, plateau: the lowest rate.", aliases: ["min-lr"]),
    Setting(
      "lr-power", \.schedule.power, .positive, valueName: "p",
      "polynomial: the power of the remaining part of the run."),
    Setting(
      "plateau-patience", \.schedule.patience, .integer(0...1_000_000),
      "plateau: evaluations without a lower test error that are tolerated.",
      aliases: ["patience-epochs"]),
    Setting(
      "plateau-threshold", \.schedule.threshold, .real(0..<1), valueName: "part",
      "plateau: how much lower, relative to the best, an error must be."),
    Setting(
      "one-cycle-pct-start", \.schedule.risingFraction, .real(0...1), valueName: "part",
      "one-cycle: the part of the run in which the rate rises to --lr."),
    Setting(
      "one-cycle-div-factor", \.schedule.startDivisor, .real(1...), valueName: "factor",
      "one-cycle: --lr divided by the first rate."),
    Setting(
      "one-cycle-final-div-factor", \.schedule.endDivisor, .real(1...), valueName: "factor",
      "one-cycle: the first rate divided by the last."),
    Setting(
      "warmup-epochs", \.schedule.warmUpLength, .warmUpEpochs,
      "Warm up: passes, whole or not, until the rate is reached.",
      aliases: ["lr-warmup-epochs"], unset: "0"),
    Setting(
      "warmup-iterations", \.schedule.warmUpLength, .warmUpIterations, "The same in mini-batches."),
    Setting(
      "warmup-until-error", \.schedule.warmUpLength, .warmUpError, valueName: "part",
      "Warm up at --warmup-lr until the training error is lower, such as 0.8 for 80 %."),
    Setting(
      "warmup-method", \.schedule.warmUpMethod, .choice,
      "Whether the rate grows at each step (linear) or stays low until the end (constant).",
      aliases: ["lr-warmup-method"]),
    Setting(
      "warmup-lr", \.schedule.warmUpRate, .real(0...), valueName: "rate",
      "The warm-up's first rate.",
      unset: "--lr where --lr-reference-batch raises it, else a tenth of the rate"),
    Setting(
      "warmup-prefix", \.schedule.warmUpPrecedes, .flag,
      "Begin the schedule after the warm-up and give it the rest of the run, as PyTorch's "
        + "SequentialLR; else it counts from the start of the run."),
    Setting(
      "lr-interval", \.schedule.interval, .choice,
      "Whether the rate changes at each iteration, or only between epochs, as in torchvision's and "
        + "timm's training."),
  ]
}

extension ValueFormat where Value == ScheduleName {
  /// A schedule's name, or that of PyTorch's or timm's scheduler of the same rates.
  fileprivate static var schedule: Self {
    let names = Self.choice
    return .init(names.expected, valueName: names.valueName, completion: names.completion) { text in
      if let name = names.parse(text) { return name }
      return switch text.lowercased() {
      case "multisteplr", "multistep": .step
      case "cosineannealinglr": .cosine
      default: nil
      }
    } text: {
      names.text($0)
    }
  }
}

extension ValueFormat where Value == TrainingLength {
  fileprivate static var epochs: Self {
    let format = ValueFormat<Int>.integer(1...999_999)
    return .init(format.expected, valueName: format.valueName) {
      format.parse($0).map(TrainingLength.epochs)
    } text: {
      if case .epochs(let count) = $0 { String(count) } else { nil }
    }
  }

  fileprivate static var iterations: Self {
    let format = ValueFormat<Int>.integer(1...999_999_999)
    return .init(format.expected, valueName: format.valueName) {
      format.parse($0).map(TrainingLength.iterations)
    } text: {
      if case .iterations(let count) = $0 { String(count) } else { nil }
    }
  }
}

extension ValueFormat where Value == WarmUpLength? {
  fileprivate static var warmUpEpochs: Self {
    .init("a number from 0 on; 0: no warm-up", valueName: "E") { text -> WarmUpLength?? in
      guard let value = Double(text), (0..<1_000_000).contains(value) else { return nil }
      return .some(value == 0 ? nil : .epochs(value))
    } text: {
      if case .epochs(let count) = $0 { NumberText.shortest(count) } else { nil }
    }
  }

  fileprivate static var warmUpIterations: Self {
    .init("a whole number from 0 on; 0: no warm-up", valueName: "N") { text -> WarmUpLength?? in
      guard let value = Int(text), (0..<1_000_000_000).contains(value) else { return nil }
      return .some(value == 0 ? nil : .iterations(value))
    } text: {
      if case .iterations(let count) = $0 { String(count) } else { nil }
    }
  }
}

extension ValueFormat where Value == WarmUpLength? {
  fileprivate static var warmUpError: Self {
    .init("a number from 0 to 1; 0: no warm-up", valueName: "part") { text -> WarmUpLength?? in
      guard let value = Double(text), (0...1).contains(value) else { return nil }
      return .some(value == 0 ? nil : .trainingError(value))
    } text: {
      if case .trainingError(let limit) = $0 { NumberText.shortest(limit) } else { nil }
    }
  }
}

extension ValueFormat where Value == [Milestone] {
  fileprivate static var milestones: Self {
    .init(
      "numbers in the unit of the run's length, or parts of it such as 60%,85%", valueName: "list"
    ) { text in
      if text == "none" { return [] }
      var milestones: [Milestone] = []
      for word in NumberText.words(text) {
        guard let milestone = Milestone(word) else { return nil }
        milestones.append(milestone)
      }
      return milestones
    } text: {
      $0.isEmpty ? "none" : $0.map(\.text).joined(separator: ",")
    }
  }
}

extension Milestone {
  init?(_ word: String) {
    if word.hasSuffix("%") {
      guard let value = Double(word.dropLast().trimmingCharacters(in: .whitespaces)),
        (0...100).contains(value)
      else { return nil }
      self = .fraction(value / 100)
    } else {
      guard let value = Double(word), value.isFinite, value >= 0, value < 1e12 else { return nil }
      self = .position(value)
    }
  }

  /// Milestones at `positions` of a run of `length`, in its unit, that move with the run's length.
  static func parts(_ positions: [Double], of length: Double) -> [Milestone] {
    positions.map { .fraction(percent($0 / length) / 100) }
  }

  /// To as many digits as `text` has, so that a part is the same when it is read back.
  private static func percent(_ fraction: Double) -> Double {
    (fraction * 100 * 1e9).rounded() / 1e9
  }

  var text: String {
    switch self {
    case .fraction(let fraction): "\(NumberText.shortest(Self.percent(fraction)))%"
    case .position(let position): NumberText.shortest(position)
    }
  }
}
