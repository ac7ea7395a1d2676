/// The network that a configuration names.

import Networks
import Tensors

extension TrainingConfiguration {
  /// The network with its loss and its frozen layers.
  ///
  /// - Parameter input: the shape of an image; nil is the papers' size.
  /// - Throws: `ModelError`, `FrozenLayersError`, `TransferError`.
  package func architecture(classes: Int, input: ImageShape?) throws -> Architecture {
    let model = network.model(for: input)
    let plain = try ModelCatalog.architecture(
      named: model, shortcut: network.shortcut, stride: network.stridePlacement,
      classes: classes, input: input)
    var architecture = head(classes: classes).attached(to: plain)
    if network.zeroInitResidual, architecture.residualNormalizations.isEmpty {
      throw ModelError.noResidualBranches(name: model)
    }
    architecture.frozen = try network.frozenLayers(of: architecture)
    architecture.precision = network.precision
    return architecture
  }

  private func head(classes: Int) -> ClassificationHead {
    let isMixed = augmentation.mixing != nil
    guard let rule = augmentation.binaryTargets else {
      return isMixed
        ? ClassificationHead(classProbabilities: classes)
        : ClassificationHead(labelSmoothing: augmentation.labelSmoothing)
    }
    return ClassificationHead(
      isMixed
        ? BinaryCrossEntropyLoss(rule, classProbabilities: classes) : BinaryCrossEntropyLoss(rule))
  }

  /// The network for square images in colour.
  ///
  /// - Parameters:
  ///   - classes: nil is 1000 for the ImageNet networks, 10 for the others.
  ///   - imageSize: pixels a side; nil is the papers'.
  /// - Throws: `ModelError`, `FrozenLayersError`.
  package func architecture(classes: Int?, imageSize: Int?) throws -> Architecture {
    try architecture(
      classes: classes ?? (ModelCatalog.isForImageNet(network.model(for: nil)) ? 1000 : 10),
      input: imageSize.map { ImageShape(height: $0, width: $0, channels: 3) })
  }

  /// Fills in what the network decided, so that `config.yaml` says it.
  package mutating func resolve(_ architecture: Architecture) {
    if network.model == NetworkSettings.automatic { network.model = architecture.name }
    network.shortcut = network.shortcut ?? ModelCatalog.defaultShortcut(of: architecture.name)
    network.stridePlacement = architecture.stride
  }
}
