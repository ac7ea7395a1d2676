/// The settings of the network and of what it starts from.

import Networks
import Tensors

/// Whether what the frozen layers make of each image is kept, where the classifier alone is trained.
package enum FeatureCaching: String, CaseIterable, Sendable {
  /// It is where training images are not changed at random and there is memory for it.
  case auto
  case on
  case off
}

package struct NetworkSettings: Hashable, Sendable {
  /// `automatic`: by the size of the images.
  package var model = Self.automatic
  /// Nil: the model's own (A for the CIFAR networks, none for plain ones).
  package var shortcut: Shortcut?
  /// Where bottleneck blocks have their stride; nil: torchvision's choice, the 3×3 convolution.
  package var stridePlacement: BottleneckStride?
  /// The numbers that it computes with.
  package var precision = Precision.fp32
  /// Whether the last γ of each residual block begins as 0.
  package var zeroInitResidual = false
  /// The weights that training starts from; nil: He initialization.
  package var weights: String?
  /// Whether the classifier starts anew, whatever `weights` holds.
  package var newClassifier = false
  /// How the weights are used for other images; nil: `frozen` says what is trained.
  package var transfer: Transfer?
  /// Blocks that `Transfer.last` trains.
  package var trainLast = 1
  /// What keeps its weights.
  package var frozen = FrozenLayers.none
  package var featureCaching = FeatureCaching.auto

  package init() {}

  /// The model's name that leaves the choice to the images.
  package static let automatic = "auto"

  /// The network's name for images of `input`.
  ///
  /// - Parameter input: nil: nothing is known about the images.
  package func model(for input: ImageShape?) -> String {
    guard model == Self.automatic else { return model }
    let isLarge = input.map { max($0.height, $0.width) > DataSettings.smallSide } ?? false
    return isLarge ? "resnet18" : "resnet20"
  }
}

extension NetworkSettings: SettingGroup {
  package static let title = "Network"

  package static let settings: [Setting] = [
    Setting(
      "model", \.network.model,
      .text(
        "a model's name", "name",
        completion: .words(
          ["auto"] + ModelCatalog.paperModels + ModelCatalog.imageNetModels
            + ModelCatalog.resNeXtModels + ModelCatalog.squeezingModels)),
      "The network: resnetN or plainN with N = 6n+2 layers (20, 32, 44, 56, 110, 1202) for small "
        + "images; resnet18, 34, 50, 101, 152, plain18, 34, resnext50_32x4d, seresnet50 and the "
        + "like for large ones; auto: resnet20 for images of up to \(DataSettings.smallSide) "
        + "pixels, else resnet18.",
      aliases: ["arch"], shortName: "a", effect: .fixed, isCommon: true),
    Setting(
      "shortcut", \.network.shortcut, .choice,
      "The residual networks' shortcuts: A appends zeros, B has projections where sizes change, C "
        + "has projections everywhere.",
      unset: "A for small images, B for large ones", effect: .fixed),
    Setting(
      "stride-placement", \.network.stridePlacement, .strideOfBottlenecks,
      "Which convolution of a bottleneck block has stride 2: the first 1x1, as in the paper (v1), "
        + "or the 3x3, as in torchvision (v1.5).", unset: "3x3", effect: .fixed),
    Setting(
      "precision", \.network.precision, .choice,
      "The type of values between layers: fp32, or bf16, with half of the memory and, on AMD's Zen 4 and 5, "
        + "twice the products per second (doctor measures it); bf16-amx sums in the order of Intel's AMX and "
        + "is for processors that have it. Weights, sums and checkpoints are fp32 in all.",
      effect: .fixed, isCommon: true),
    Setting(
      "zero-init-residual", \.network.zeroInitResidual, .flag,
      "Initialize the last BN scale of each residual block to 0, so that the block starts as its "
        + "shortcut.", effect: .start),
    Setting(
      "weights", \.network.weights, .text("a weights file", "path", completion: .file),
      "Weights to start from: a run folder, a checkpoint, or a .safetensors or .pth file with "
        + "torchvision's names.", effect: .start, isCommon: true),
    Setting(
      "new-classifier", \.network.newClassifier, .flag,
      "Replace the classifier (fc) of --weights by a new one, as is done anyway where it has another "
        + "number of classes.", effect: .start),
    Setting(
      "transfer", \.network.transfer, .choice,
      "Transfer learning from --weights: train all layers, the last blocks and the classifier, or "
        + "the head, that is the classifier alone; the others keep their weights and BN "
        + "statistics.", unset: "none", effect: .fixed),
    Setting(
      "train-last", \.network.trainLast, .integer(1...1000),
      "With --transfer last: the residual blocks that are trained.", effect: .fixed),
    Setting(
      "freeze", \.network.frozen, .frozenLayers,
      "Layers that keep their weights and BN statistics: backbone (all but the classifier), bn (all "
        + "BN layers), or names or parts of them, such as conv1,bn1,layer1; with --transfer, in "
        + "addition to what that freezes.", effect: .fixed),
    Setting(
      "cache-features", \.network.featureCaching, .choice,
      "Where the classifier alone is trained: compute what it reads of each image once (on) or in "
        + "each epoch (off); auto: once, where images are not changed at random and memory allows "
        + "it. The results are the same.", effect: .none),
  ]
}

extension ValueFormat where Value == BottleneckStride {
  fileprivate static var strideOfBottlenecks: Self {
    .init("1x1 (v1) or 3x3 (v1.5)", valueName: "1x1|3x3") {
      BottleneckStride(named: $0.lowercased())
    } text: {
      $0.rawValue
    }
  }
}
