/// The settings of the optimizer.

import Optimizers

/// The update rules that can be chosen.
package enum OptimizerName: String, CaseIterable, Sendable {
  case sgd
  case lars
  case lamb
}

/// The update rule and its hyper-parameters.
package struct OptimizerSettings: Hashable, Sendable {
  package var name = OptimizerName.sgd
  package var larsTrust = 0.001
  /// LAMB's β₂, ε and longest gradient; 0: any length.
  package var secondMomentum = 0.999
  package var lambEpsilon = 1e-6
  package var gradientNorm = 1.0
  package var momentum = 0.9
  package var nesterov = false
  package var weightDecay = 1e-4
  package var normalizationWeightDecay: Double?
  /// The learning rate of all layers but the classifier, over the classifier's.
  package var backboneRate = 1.0
  /// The part of the weights' average that an update keeps; nil: no average.
  package var averageDecay: Double?
  /// Steps between the average's updates.
  package var averageInterval = 1
  /// Whether `averageDecay` is for a mini-batch of one image and a run of one epoch.
  package var adjustsAverage = false

  /// The weight decay of BN's scales and shifts, given or not.
  package var appliedNormalizationDecay: Double { normalizationWeightDecay ?? weightDecay }

  /// The update rule that these settings describe.
  package var rule: any OptimizerRule {
    let sgd = SGD(
      momentum: Float(momentum), nesterov: nesterov, weightDecay: Float(weightDecay),
      normalizationWeightDecay: Float(appliedNormalizationDecay))
    return switch name {
    case .sgd: sgd
    case .lars: LARS(sgd, trust: Float(larsTrust))
    case .lamb:
      LAMB(
        momentum: momentum, secondMomentum: secondMomentum, epsilon: Float(lambEpsilon),
        weightDecay: Float(weightDecay),
        normalizationWeightDecay: Float(appliedNormalizationDecay),
        gradientNorm: gradientNorm == 0 ? nil : Float(gradientNorm))
    }
  }
}

extension OptimizerSettings: SettingGroup {
  package static let title = "Optimizer"

  package static let settings: [Setting] = [
    Setting(
      "optimizer", \.optimizer.name, .choice,
      "sgd, with momentum; for large mini-batches lars, SGD with a rate for each layer, or lamb, Adam "
        + "with a rate for each layer.",
      aliases: ["opt"], effect: .fixed),
    Setting(
      "lars-trust", \.optimizer.larsTrust, .positive, valueName: "trust",
      "LARS's trust coefficient: the size of a step at rate 1 relative to a layer's norm."),
    Setting(
      "lamb-beta2", \.optimizer.secondMomentum, .real(0..<1), valueName: "beta",
      "LAMB's second beta: the part of the squared gradients' average that a step keeps; --momentum "
        + "is the first."),
    Setting(
      "lamb-eps", \.optimizer.lambEpsilon, .positive, valueName: "epsilon",
      "LAMB's epsilon, added to the root of that average.", aliases: ["opt-eps"]),
    Setting(
      "lamb-max-norm", \.optimizer.gradientNorm, .real(0...1e9), valueName: "norm",
      "LAMB's limit for the norm of all gradients; larger ones are scaled down; 0: no limit."),
    Setting("momentum", \.optimizer.momentum, .real(0..<1), valueName: "m", "Momentum."),
    Setting("nesterov", \.optimizer.nesterov, .flag, "Nesterov's momentum."),
    Setting(
      "wd", \.optimizer.weightDecay, .real(0...), valueName: "decay", "Weight decay.",
      aliases: ["weight-decay"]),
    Setting(
      "norm-weight-decay", \.optimizer.normalizationWeightDecay, .real(0...), valueName: "decay",
      "Weight decay of BN's scales and shifts; with lamb of biases, too.", unset: "as --wd"),
    Setting(
      "lr-backbone", \.optimizer.backboneRate, .real(0...1000), valueName: "factor",
      "The learning rate of all layers but the classifier, as a factor of --lr."),
    Setting(
      "ema-decay", \.optimizer.averageDecay, .real(0..<1), valueName: "decay",
      "Keep a moving average of the weights, of which an update keeps this part; evaluations, and "
        + "eval, predict and export of the run, use the average.", aliases: ["model-ema-decay"],
      unset: "no average"),
    Setting(
      "ema-steps", \.optimizer.averageInterval, .integer(1...1_000_000),
      "Iterations between the average's updates.", aliases: ["model-ema-steps"]),
    Setting(
      "ema-adjust", \.optimizer.adjustsAverage, .flag,
      "Adjust --ema-decay to the run as torchvision does: an update keeps 1 - (1 - decay) · "
        + "mini-batch · ema-steps / epochs."),
  ]
}
