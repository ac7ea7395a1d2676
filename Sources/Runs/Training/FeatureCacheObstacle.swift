/// Whether the features of a run's images can be computed once.

import Datasets
import Distributed
import Networks
import Settings

/// Why an image has no features of its own that could be kept.
enum FeatureCacheObstacle: UsageError, Equatable, CustomStringConvertible {
  case trainedLayers
  /// What is done to training images.
  case randomImages(String)
  case mixedImages
  case severalSizes
  case replacedImages

  /// Nil: there is none.
  ///
  /// - Parameter phases: of the run.
  init?(_ configuration: TrainingConfiguration, _ phases: [TrainingPhase]) {
    let last = phases[phases.count - 1]
    if !last.architecture.trainsClassifierAlone {
      self = .trainedLayers
    } else if configuration.augmentation.mixing != nil {
      self = .mixedImages
    } else if last.transform.isRandom {
      self = .randomImages(last.transform.description)
    } else if phases.count > 1 {
      self = .severalSizes
    } else if configuration.data.badImages == .skip {
      self = .replacedImages
    } else {
      return nil
    }
  }

  var description: String { "--cache-features on: \(reason)" }

  private var reason: String {
    switch self {
    case .trainedLayers:
      "layers before the classifier are trained, so what it reads of an image changes: give "
        + "--transfer head, or leave --cache-features out"
    case .randomImages(let transform):
      "training images are changed at random (\(transform)), so an image has other features in each "
        + "epoch: give --train-crop center --no-flip, or --crop-padding 0 --no-flip for small images, "
        + "or leave --cache-features out"
    case .mixedImages:
      "mixup and CutMix mix each image with others: leave one of the two out"
    case .severalSizes:
      "with --image-size-schedule an image has several sizes: leave one of the two out"
    case .replacedImages:
      "with --on-bad-image skip another image takes a bad one's place in each epoch: remove bad "
        + "images (resnet-dist data check names them) and use --on-bad-image fail"
    }
  }
}
