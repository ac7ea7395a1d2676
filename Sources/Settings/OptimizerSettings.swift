/// The settings of the optimizer.

import Optimizers

/// The update rules that can be chosen.
package enum OptimizerName: String, CaseIterable, Sendable {
  case sgd
  case lars
}

/// The update rule and its hyper-parameters.
package struct OptimizerSettings: Hashable, Sendable {
  package var name = OptimizerName.sgd
  package var larsTrust = 0.001
  package var momentum = 0.9
  package var nesterov = false
  package var weightDecay = 1e-4
  package var normalizationWeightDecay: Double?

  /// The update rule that these settings describe.
  package var rule: any OptimizerRule {
    let sgd = SGD(
      momentum: Float(momentum), nesterov: nesterov, weightDecay: Float(weightDecay),
      normalizationWeightDecay: Float(normalizationWeightDecay ?? weightDecay))
    return switch name {
    case .sgd: sgd
    case .lars: LARS(sgd, trust: Float(larsTrust))
    }
  }
}

extension OptimizerSettings: SettingGroup {
  package static let settings: [Setting] = [
    .choice("optimizer", \.optimizer.name)
      .option(
        "sgd, with momentum, or lars: also a rate for each layer, for large mini-batches.",
        "name"),
    .real("lars-trust", "a positive number", \.optimizer.larsTrust) { $0 > 0 }
      .option(
        "LARS's trust coefficient: the size of a step at rate 1 relative to a layer's norm.",
        "trust"),
    .real("momentum", "a number from 0 to below 1", \.optimizer.momentum) { $0 >= 0 && $0 < 1 }
      .option("Momentum.", "m"),
    .flag("nesterov", \.optimizer.nesterov).option("Nesterov's momentum."),
    .real("wd", "a number from 0 on", \.optimizer.weightDecay) { $0 >= 0 }
      .option("Weight decay.", "decay", aliases: ["weight-decay"]),
    .optionalReal(
      "norm-weight-decay", "a number from 0 on", \.optimizer.normalizationWeightDecay
    ) { $0 >= 0 }
    .option("Weight decay of BN's scales and shifts.", "decay", unset: "as --wd"),
  ]
}
