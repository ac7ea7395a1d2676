/// How an image of any size becomes a network's input, whatever images are beside it.

import Datasets
import Distributed
import Networks
import Settings

/// What is done to every image.
struct PredictionInput {
  let transform: ImageTransform
  /// The settings with the normalization that is used where the weights have none.
  let configuration: TrainingConfiguration
  /// Whether ImageNet's mean and deviation were assumed.
  let assumesImageNet: Bool

  private static let smallSide = 32

  /// - Parameters:
  ///   - configuration: of the run that the weights are from, with `changes` over it.
  ///   - changes: what the user gave.
  /// - Throws: `ImageSizeError`, `UnrecognizedNetwork`, and `MissingNormalization`: weights of a network of small images do
  ///   not say how those were normalized, and there is no usual way.
  init(
    _ configuration: TrainingConfiguration, _ weights: WeightsFile, changes: ConfigurationChanges
  ) throws {
    if configuration.network.model == NetworkSettings.automatic {
      throw UnrecognizedNetwork(path: weights.path)
    }
    transform = try Self.transform(
      configuration.data, weights, changes, configuration.network.model)
    let isForImageNet = ModelCatalog.isForImageNet(configuration.network.model)
    let isKnown = changes.giveNormalization || weights.preprocessing != nil
    guard isKnown || isForImageNet else { throw MissingNormalization(path: weights.path) }
    var configuration = configuration
    if !isKnown {
      configuration.data.mean = .values(Preprocessing.imageNetMean)
      configuration.data.deviation = .values(Preprocessing.imageNetDeviation)
    }
    self.configuration = configuration
    assumesImageNet = !isKnown
  }

  /// As the user says, else as in the run's tests, else as the network's paper.
  private static func transform(
    _ data: DataSettings, _ weights: WeightsFile, _ changes: ConfigurationChanges, _ model: String
  ) throws(ImageSizeError) -> ImageTransform {
    let isGiven =
      changes.contains(\.data.imageSize) || changes.contains(\.data.testResize)
      || changes.contains(\.data.testSize)
    if !isGiven, let side = weights.inputSide {
      let isChosen = changes.contains(\.data.interpolation)
      return .test(
        resize: max(side, weights.testResize ?? side), size: side,
        interpolation: isChosen
          ? data.interpolation : weights.interpolation ?? data.interpolation)
    }
    let hasSizes = data.imageSize != nil || data.testResize != nil || data.testSize != nil
    if hasSizes || ModelCatalog.isForImageNet(model) { return try data.testTransform(nil) }
    return .test(resize: smallSide, size: smallSide, interpolation: data.interpolation)
  }

  /// How images become the network's input, in a few words.
  var description: String {
    transform.description
      + (assumesImageNet
        ? ", normalized with ImageNet's mean and deviation: the weights do not say" : "")
  }
}

/// Weights do not tell which network they are of.
struct UnrecognizedNetwork: UsageError, CustomStringConvertible {
  let path: String

  var description: String {
    "the names and shapes of the tensors in \(path) are of no network that is known here: if they are of "
      + "one, name it with --model"
  }
}
