/// The list of a configuration's fields: key, spelling of the value, and what is accepted.

import Distributed
import Foundation
import Networks
import Optimizers

extension TrainingConfiguration {
  /// One field by the name of its flag.
  package struct Field: Sendable {
    let key: String
    /// What a value must be, for the message about one that is not.
    let expected: String
    /// Nil: not set.
    let get: @Sendable (TrainingConfiguration) -> String?
    /// False when `value` is not acceptable.
    let set: @Sendable (inout TrainingConfiguration, _ value: String) -> Bool
  }

  /// In the order in which `config.yaml` lists them.
  package static let fields = generalFields + imageFields

  private static let generalFields: [Field] = [
    text("model", "a model's name", \.model),
    Field(key: "shortcut", expected: "A, B or C") {
      $0.shortcut?.rawValue
    } set: {
      guard let value = Shortcut(rawValue: $1.uppercased()) else { return false }
      $0.shortcut = value
      return true
    },
    Field(key: "stride-placement", expected: "1x1 (v1) or 3x3 (v1.5)") {
      $0.stridePlacement?.rawValue
    } set: {
      guard let value = BottleneckStride(named: $1.lowercased()) else { return false }
      $0.stridePlacement = value
      return true
    },
    flag("zero-init-residual", \.zeroInitResidual),
    optionalText("weights", "a weights file", \.weights),
    Field(
      key: "dataset", expected: DatasetName.allCases.map(\.rawValue).joined(separator: ", ")
    ) {
      $0.dataset.rawValue
    } set: {
      guard let value = DatasetName(rawValue: $1.lowercased()) else { return false }
      $0.dataset = value
      return true
    },
    optionalText("data-dir", "a folder", \.dataDirectory),
    optionalNumber("train-limit", 1..., \.trainLimit),
    optionalNumber("test-limit", 1..., \.testLimit),
    Field(
      key: "mean",
      expected:
        "auto, per-pixel, per-channel, none, a .safetensors file, or a number for each channel"
    ) {
      ValueSpelling.text($0.mean)
    } set: {
      guard let value = ValueSpelling.mean($1) else { return false }
      $0.mean = value
      return true
    },
    Field(key: "std", expected: "auto, per-channel, none, or a positive number for each channel") {
      ValueSpelling.text($0.deviation)
    } set: {
      guard let value = ValueSpelling.deviation($1) else { return false }
      $0.deviation = value
      return true
    },
    number("crop-padding", 0...64, \.cropPadding),
    flag("flip", \.flip),
    number("batch-size", 1...1_048_576, \.batchSize),
    number("accumulate", 1...65_536, \.accumulate),
    optionalNumber("shards", 1..., \.shards),
    optionalNumber("bn-group-size", 1..., \.normalizationGroup),
    Field(key: "epochs", expected: "a whole number from 1 on") {
      if case .epochs(let count) = $0.length { String(count) } else { nil }
    } set: {
      guard let value = Int($1), (1..<1_000_000).contains(value) else { return false }
      $0.length = .epochs(value)
      return true
    },
    Field(key: "iterations", expected: "a whole number from 1 on") {
      if case .iterations(let count) = $0.length { String(count) } else { nil }
    } set: {
      guard let value = Int($1), (1..<1_000_000_000).contains(value) else { return false }
      $0.length = .iterations(value)
      return true
    },
    real("lr", "a positive number", \.learningRate) { $0 > 0 },
    optionalNumber("lr-reference-batch", 1..., \.learningRateReferenceBatch),
    Field(
      key: "lr-milestones",
      expected: "numbers in the unit of the run's length, or parts of it such as 60%,85%"
    ) {
      ValueSpelling.text($0.milestones)
    } set: {
      guard let value = ValueSpelling.milestones($1) else { return false }
      $0.milestones = value
      return true
    },
    real("lr-gamma", "a positive number", \.gamma) { $0 > 0 },
    Field(key: "warmup-epochs", expected: "a number from 0 on; 0: no warm-up") {
      if case .epochs(let count) = $0.warmUpLength { ValueSpelling.shortest(count) } else { nil }
    } set: {
      guard let value = Double($1), (0..<1_000_000).contains(value) else { return false }
      $0.warmUpLength = value == 0 ? nil : .epochs(value)
      return true
    },
    Field(key: "warmup-iterations", expected: "a whole number from 0 on; 0: no warm-up") {
      if case .iterations(let count) = $0.warmUpLength { String(count) } else { nil }
    } set: {
      guard let value = Int($1), (0..<1_000_000_000).contains(value) else { return false }
      $0.warmUpLength = value == 0 ? nil : .iterations(value)
      return true
    },
    Field(key: "warmup-method", expected: "linear or constant") {
      $0.warmUpMethod.rawValue
    } set: {
      guard let value = WarmUpMethod(rawValue: $1.lowercased()) else { return false }
      $0.warmUpMethod = value
      return true
    },
    Field(key: "warmup-lr", expected: "a number from 0 on") {
      $0.warmUpRate.map { String($0) }
    } set: {
      guard let value = Double($1), value.isFinite, value >= 0 else { return false }
      $0.warmUpRate = value
      return true
    },
    Field(key: "optimizer", expected: "sgd or lars") {
      $0.optimizer.rawValue
    } set: {
      guard let value = OptimizerName(rawValue: $1.lowercased()) else { return false }
      $0.optimizer = value
      return true
    },
    real("lars-trust", "a positive number", \.larsTrust) { $0 > 0 },
    real("momentum", "a number from 0 to below 1", \.momentum) { $0 >= 0 && $0 < 1 },
    real("wd", "a number from 0 on", \.weightDecay) { $0 >= 0 },
    Field(key: "norm-weight-decay", expected: "a number from 0 on") {
      $0.normalizationWeightDecay.map { String($0) }
    } set: {
      guard let value = Double($1), value.isFinite, value >= 0 else { return false }
      $0.normalizationWeightDecay = value
      return true
    },
    real("label-smoothing", "a number from 0 to below 1", \.labelSmoothing) {
      (0..<1).contains($0)
    },
    Field(key: "seed", expected: "a whole number from 0 on") {
      String($0.seed)
    } set: {
      guard let value = UInt64($1) else { return false }
      $0.seed = value
      return true
    },
    optionalNumber("threads", 1..., \.threads),
    number("workers", 1...256, \.workers),
    Field(key: "reduction", expected: "tree or mpi") {
      $0.reduction.rawValue
    } set: {
      guard let value = ReductionChoice(rawValue: $1.lowercased()) else { return false }
      $0.reduction = value
      return true
    },
    Field(key: "gradient-compression", expected: "none or bf16") {
      $0.gradientCompression.rawValue
    } set: {
      guard let value = GradientCompression(rawValue: $1.lowercased()) else { return false }
      $0.gradientCompression = value
      return true
    },
    real("bucket-mb", "a number from 0.001 to 1024", \.bucketMegabytes) {
      (0.001...1024).contains($0)
    },
    real("stall-timeout", "0 or a number from 1 to 1000000", \.stallTimeout) {
      $0 == 0 || (1...1_000_000).contains($0)
    },
    optionalText("timeline", "a file", \.timeline),
    optionalText("run-dir", "a folder", \.runDirectory),
    optionalNumber("checkpoint-every", 1..., \.checkpointEvery),
    number("keep-checkpoints", 1...1_000_000, \.keepCheckpoints),
    number("eval-every", 1...1_000_000, \.evaluateEvery),
  ]

  private static func text(
    _ key: String, _ expected: String,
    _ path: WritableKeyPath<TrainingConfiguration, String> & Sendable
  ) -> Field {
    Field(key: key, expected: expected) {
      $0[keyPath: path]
    } set: {
      $0[keyPath: path] = $1
      return !$1.isEmpty
    }
  }

  package static func optionalText(
    _ key: String, _ expected: String,
    _ path: WritableKeyPath<TrainingConfiguration, String?> & Sendable
  ) -> Field {
    Field(key: key, expected: expected) {
      $0[keyPath: path]
    } set: {
      $0[keyPath: path] = $1
      return !$1.isEmpty
    }
  }

  private static func flag(
    _ key: String, _ path: WritableKeyPath<TrainingConfiguration, Bool> & Sendable
  ) -> Field {
    Field(key: key, expected: "true or false") {
      String($0[keyPath: path])
    } set: {
      guard let value = Bool($1.lowercased()) else { return false }
      $0[keyPath: path] = value
      return true
    }
  }

  private static func number(
    _ key: String, _ range: ClosedRange<Int>,
    _ path: WritableKeyPath<TrainingConfiguration, Int> & Sendable
  ) -> Field {
    Field(
      key: key, expected: "a whole number from \(range.lowerBound) to \(range.upperBound)"
    ) {
      String($0[keyPath: path])
    } set: {
      guard let value = Int($1), range.contains(value) else { return false }
      $0[keyPath: path] = value
      return true
    }
  }

  package static func optionalNumber(
    _ key: String, _ range: PartialRangeFrom<Int>,
    _ path: WritableKeyPath<TrainingConfiguration, Int?> & Sendable
  ) -> Field {
    Field(key: key, expected: "a whole number from \(range.lowerBound) on") {
      $0[keyPath: path].map { String($0) }
    } set: {
      guard let value = Int($1), range.contains(value) else { return false }
      $0[keyPath: path] = value
      return true
    }
  }

  package static func real(
    _ key: String, _ expected: String,
    _ path: WritableKeyPath<TrainingConfiguration, Double> & Sendable,
    accept: @escaping @Sendable (Double) -> Bool
  ) -> Field {
    Field(key: key, expected: expected) {
      String($0[keyPath: path])
    } set: {
      guard let value = Double($1), value.isFinite, accept(value) else { return false }
      $0[keyPath: path] = value
      return true
    }
  }
}

/// Values that are more than one word or number.
private enum ValueSpelling {
  static func text(_ mean: MeanChoice) -> String {
    switch mean {
    case .automatic: "auto"
    case .perPixel: "per-pixel"
    case .file(let path): path
    case .perChannel: "per-channel"
    case .none: "none"
    case .values(let values): values.map { "\($0)" }.joined(separator: ",")
    }
  }

  static func mean(_ text: String) -> MeanChoice? {
    switch text {
    case "auto": .automatic
    case "per-pixel": .perPixel
    case "per-channel": .perChannel
    case "none": MeanChoice.none
    case _ where text.hasSuffix(".safetensors"): .file(text)
    default: numbers(text).map(MeanChoice.values)
    }
  }

  static func text(_ deviation: DeviationChoice) -> String {
    switch deviation {
    case .automatic: "auto"
    case .perChannel: "per-channel"
    case .none: "none"
    case .values(let values): values.map { "\($0)" }.joined(separator: ",")
    }
  }

  static func deviation(_ text: String) -> DeviationChoice? {
    switch text {
    case "auto": return .automatic
    case "per-channel": return .perChannel
    case "none": return DeviationChoice.none
    default:
      guard let values = numbers(text), values.allSatisfy({ $0 > 0 }) else { return nil }
      return .values(values)
    }
  }

  /// Three finite numbers, one for each of red, green and blue.
  private static func numbers(_ text: String) -> [Float]? {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    let values = parts.compactMap { Float($0.trimmingCharacters(in: .whitespaces)) }
    guard values.count == parts.count, values.count == 3, values.allSatisfy(\.isFinite) else {
      return nil
    }
    return values
  }

  static func text(_ milestones: [Milestone]) -> String {
    milestones.isEmpty
      ? "none"
      : milestones.map { milestone in
        switch milestone {
        case .fraction(let fraction): "\(shortest((fraction * 100 * 1e9).rounded() / 1e9))%"
        case .position(let position): shortest(position)
        }
      }.joined(separator: ",")
  }

  static func milestones(_ text: String) -> [Milestone]? {
    if text == "none" { return [] }
    var milestones: [Milestone] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let word = part.trimmingCharacters(in: .whitespaces)
      if word.hasSuffix("%") {
        let digits = word.dropLast().trimmingCharacters(in: .whitespaces)
        guard let value = Double(digits), (0...100).contains(value) else { return nil }
        milestones.append(.fraction(value / 100))
      } else {
        guard let value = Double(word), value.isFinite, value >= 0, value < 1e12 else { return nil }
        milestones.append(.position(value))
      }
    }
    return milestones
  }

  static func shortest(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
  }
}
