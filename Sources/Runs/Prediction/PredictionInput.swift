/// How an image of any size becomes a network's input, whatever images are beside it.

import Datasets
import Distributed
import Networks
import Settings
import Tensors

/// What is done to every image.
struct PredictionInput {
  let transform: ImageTransform
  /// What images are resized to before that; nil: they are not.
  private let oblong: ImageShape?
  /// The settings with the normalization that is used where the weights have none.
  let configuration: TrainingConfiguration
  /// Whether ImageNet's mean and deviation were assumed.
  let assumesImageNet: Bool

  private static let smallSide = 32

  /// - Parameters:
  ///   - configuration: of the run that the weights are from, with `changes` over it.
  ///   - changes: what the user gave.
  /// - Throws: `ImageSizeError`, `UnknownImageSize`, and `MissingNormalization`: weights of a network of small
  ///   images do not say how those were normalized, and there is no usual way.
  init(
    _ configuration: TrainingConfiguration, _ weights: WeightsFile, changes: ConfigurationChanges
  ) throws {
    oblong = changes.giveImageSizes ? nil : weights.oblongInput
    if oblong != nil {
      transform = .none
    } else {
      transform = try Self.transform(
        configuration.data, weights, changes, configuration.network.model)
    }
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
  ) throws -> ImageTransform {
    if !changes.giveImageSizes, let side = weights.inputSide {
      let isChosen = changes.contains(\.data.interpolation)
      return .test(
        resize: max(side, weights.testResize ?? side), size: side,
        interpolation: isChosen
          ? data.interpolation : weights.interpolation ?? data.interpolation)
    }
    let hasSizes = data.imageSize != nil || data.testResize != nil || data.testSize != nil
    if hasSizes { return try data.testTransform(nil) }
    if weights.isOfPreparedImages { throw UnknownImageSize(path: weights.path) }
    if ModelCatalog.isForImageNet(model) { return try data.testTransform(nil) }
    return .test(resize: smallSide, size: smallSide, interpolation: data.interpolation)
  }

  /// Images as the network is to see them but for `transform`.
  func source(_ files: ImageFileList) -> any ImageSource {
    guard let oblong else { return files }
    return ResizedImages(files, to: oblong, interpolation: configuration.data.interpolation)
  }

  /// How images become the network's input, in a few words.
  var description: String {
    (oblong.map { "resized to \($0.height)×\($0.width)" } ?? transform.description)
      + (assumesImageNet
        ? ", normalized with ImageNet's mean and deviation: the weights do not say" : "")
  }
}

/// Weights of this program that do not say the size of their images, which may not have been square.
struct UnknownImageSize: UsageError, CustomStringConvertible {
  let path: String

  var description: String {
    "\(path) does not say the size of the test images: older versions did not record that of images that "
      + "are not square; give --val-crop-size and --val-resize-size if they were, else resume the run "
      + "for a step, whose checkpoint will say it"
  }
}
