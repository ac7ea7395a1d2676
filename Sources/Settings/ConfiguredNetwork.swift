/// The network that a configuration names.

import Networks
import Tensors

extension TrainingConfiguration {
  /// The network, for images of that shape and so many classes.
  ///
  /// - Parameter input: nil is the papers' size.
  /// - Throws: `ModelError`.
  package func architecture(classes: Int, input: ImageShape?) throws(ModelError) -> Architecture {
    let network = try ModelCatalog.architecture(
      named: model, shortcut: shortcut, stride: stridePlacement, classes: classes, input: input)
    let architecture = ClassificationHead(labelSmoothing: labelSmoothing).attached(to: network)
    if zeroInitResidual, architecture.residualNormalizations.isEmpty {
      throw .noResidualBranches(name: model)
    }
    return architecture
  }

  /// The network for square images of so many pixels a side, in colour.
  ///
  /// - Parameters:
  ///   - classes: nil is 1000 for the ImageNet networks, 10 for the others.
  ///   - imageSize: nil is the papers'.
  /// - Throws: `ModelError`.
  package func architecture(classes: Int?, imageSize: Int?) throws(ModelError) -> Architecture {
    try architecture(
      classes: classes ?? (ModelCatalog.isForImageNet(model) ? 1000 : 10),
      input: imageSize.map { ImageShape(height: $0, width: $0, channels: 3) })
  }

  /// Fills in what the network decided, so that `config.yaml` says it.
  package mutating func resolve(_ architecture: Architecture) {
    shortcut = shortcut ?? ModelCatalog.defaultShortcut(of: architecture.name)
    stridePlacement = architecture.stride
    if optimizer.normalizationWeightDecay == nil {
      optimizer.normalizationWeightDecay = optimizer.weightDecay
    }
  }
}
