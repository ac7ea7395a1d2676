/// The list of all settings.

import Distributed
import Foundation
import Networks

extension TrainingConfiguration {
  /// In the order in which `config.yaml` lists them.
  package static let settings =
    networkAndData + ScheduleSettings.settings + OptimizerSettings.settings + running
    + imageSettings

  private static let networkAndData: [Setting] = [
    .text("model", "a model's name", \.model),
    Setting(key: "shortcut", expected: "A, B or C") {
      $0.shortcut?.rawValue
    } set: {
      guard let value = Shortcut(rawValue: $1.uppercased()) else { return false }
      $0.shortcut = value
      return true
    },
    Setting(key: "stride-placement", expected: "1x1 (v1) or 3x3 (v1.5)") {
      $0.stridePlacement?.rawValue
    } set: {
      guard let value = BottleneckStride(named: $1.lowercased()) else { return false }
      $0.stridePlacement = value
      return true
    },
    .flag("zero-init-residual", \.zeroInitResidual),
    .optionalText("weights", "a weights file", \.weights),
    Setting(
      key: "dataset", expected: DatasetName.allCases.map(\.rawValue).joined(separator: ", ")
    ) {
      $0.dataset.rawValue
    } set: {
      guard let value = DatasetName(rawValue: $1.lowercased()) else { return false }
      $0.dataset = value
      return true
    },
    .optionalText("data-dir", "a folder", \.dataDirectory),
    .optionalNumber("train-limit", 1..., \.trainLimit),
    .optionalNumber("test-limit", 1..., \.testLimit),
    Setting(
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
    Setting(key: "std", expected: "auto, per-channel, none, or a positive number for each channel")
    {
      ValueSpelling.text($0.deviation)
    } set: {
      guard let value = ValueSpelling.deviation($1) else { return false }
      $0.deviation = value
      return true
    },
    .number("crop-padding", 0...64, \.cropPadding),
    .flag("flip", \.flip),
    .number("batch-size", 1...1_048_576, \.batchSize),
    .number("accumulate", 1...65_536, \.accumulate),
    .optionalNumber("shards", 1..., \.shards),
    .optionalNumber("bn-group-size", 1..., \.normalizationGroup),
  ]

  private static let running: [Setting] = [
    .real("label-smoothing", "a number from 0 to below 1", \.labelSmoothing) {
      (0..<1).contains($0)
    },
    Setting(key: "seed", expected: "a whole number from 0 on") {
      String($0.seed)
    } set: {
      guard let value = UInt64($1) else { return false }
      $0.seed = value
      return true
    },
    .optionalNumber("threads", 1..., \.threads),
    .number("workers", 1...256, \.workers),
    Setting(key: "reduction", expected: "tree or mpi") {
      $0.reduction.rawValue
    } set: {
      guard let value = ReductionChoice(rawValue: $1.lowercased()) else { return false }
      $0.reduction = value
      return true
    },
    Setting(key: "gradient-compression", expected: "none or bf16") {
      $0.gradientCompression.rawValue
    } set: {
      guard let value = GradientCompression(rawValue: $1.lowercased()) else { return false }
      $0.gradientCompression = value
      return true
    },
    .real("bucket-mb", "a number from 0.001 to 1024", \.bucketMegabytes) {
      (0.001...1024).contains($0)
    },
    .real("stall-timeout", "0 or a number from 1 to 1000000", \.stallTimeout) {
      $0 == 0 || (1...1_000_000).contains($0)
    },
    .optionalText("timeline", "a file", \.timeline),
    .optionalText("run-dir", "a folder", \.runDirectory),
    .optionalNumber("checkpoint-every", 1..., \.checkpointEvery),
    .number("keep-checkpoints", 1...1_000_000, \.keepCheckpoints),
    .number("eval-every", 1...1_000_000, \.evaluateEvery),
  ]
}

/// Values that are more than one word or number.
enum ValueSpelling {
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
