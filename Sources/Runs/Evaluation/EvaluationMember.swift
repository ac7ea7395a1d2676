/// One network of an evaluation, with what it was trained as.

import Datasets
import Distributed
import Evaluation
import Networks
import Safetensors
import Settings
import Tensors

/// Plain weights do not say how images are normalized.
struct MissingNormalization: UsageError, CustomStringConvertible {
  let path: String

  var description: String {
    "\(path) does not say how the images were normalized: give --mean and --std (torchvision's are "
      + "--mean 0.485,0.456,0.406 --std 0.229,0.224,0.225)"
  }
}

/// The network was trained with a mean of each pixel, and is to see images of another size.
struct MeanImageOfOtherSize: UsageError, CustomStringConvertible {
  let path: String
  let mean: ImageShape
  let input: ImageShape

  var description: String {
    "\(path) was trained with a mean image of \(mean.height)×\(mean.width) and is to see images of "
      + "\(input.height)×\(input.width): test with images of the mean image's size, or give --mean"
  }
}

/// The images have other classes than the network.
struct ClassCountMismatch: UsageError, CustomStringConvertible {
  let weights: String
  let network: Int
  let images: Int

  var description: String {
    "\(weights) tells \(network) classes apart, the images have \(images): use the data set that the "
      + "network was trained on"
  }
}

/// The networks of an ensemble have other classes than each other.
struct EnsembleClassesDiffer: UsageError, CustomStringConvertible {
  let first: (weights: String, classes: Int)
  let other: (weights: String, classes: Int)

  var description: String {
    "\(other.weights) tells \(other.classes) classes apart, \(first.weights) \(first.classes): scores "
      + "of different classes have no average"
  }
}

/// Weights with the architecture and the normalization that they need.
struct EvaluationMember {
  let weights: WeightsFile
  /// Of images of the network's own size.
  let architecture: Architecture
  /// Of its residual blocks; nil where it has none.
  let shortcut: String?
  let normalization: Normalization
  /// What the network sees of each image, one after the other; not for dense views.
  let transforms: [ImageTransform]
  /// The shorter sides of dense views.
  let scales: [Int]
  /// What becomes of images before the network sees them, in a few words.
  let testImages: String

  /// Reads and checks weights.
  ///
  /// - Parameters:
  ///   - configuration: of the run that the weights are from, with what was given over it.
  ///   - transform: what is done to images; its output is the network's input.
  ///   - normalizationIsGiven: whether the user said how to normalize.
  /// - Throws: `CheckpointError`, `SafetensorsError`, `ModelError`, `EvaluationViewsError`,
  ///   `FullyConvolutionalError` and the errors above.
  init(
    _ configuration: TrainingConfiguration, weights path: String, source: any ImageSource,
    transform: ImageTransform, views: EvaluationViews = .center, normalizationIsGiven: Bool
  ) throws {
    weights = try WeightsFile(path)
    // Some classes of many may have no test image.
    if let classes = weights.classes,
      source.hasNumberedClasses ? classes < source.classCount : classes != source.classCount
    {
      throw ClassCountMismatch(weights: weights.path, network: classes, images: source.classCount)
    }
    architecture = try configuration.architecture(
      classes: weights.classes ?? source.classCount,
      input: transform.outputShape(of: source.imageShape))
    shortcut =
      (configuration.network.shortcut ?? ModelCatalog.defaultShortcut(of: architecture.name))?
      .rawValue
    normalization = try Self.normalization(
      configuration, weights, source: source, given: normalizationIsGiven,
      shape: architecture.input)
    transforms = try views.transforms(transform, of: source)
    scales = try views.scales(of: architecture)
    let input = architecture.input
    testImages =
      if !scales.isEmpty {
        "whole, shorter side to " + scales.map { "\($0)" }.joined(separator: ", ")
      } else if transform == .none {
        "\(input.height)×\(input.width), as they are"
      } else {
        transform.description
      }
  }

  /// Ends the job where replicas and the images that are prepared ahead do not fit into memory.
  /// Collective.
  ///
  /// - Throws: `CollectiveFailure`.
  func checkMemory(_ layout: ShardLayout, threads: Int, ranks: ProcessGroup) throws {
    var need = MemoryNeed(architecture, training: nil, evaluation: layout, threads: threads)
    need.images = BatchLoader.bytes(
      images: layout.localPositions.count, shape: architecture.input)
    try ranks.checkMemory(need, remedy: "a smaller --batch-size")
  }

  /// A replica that evaluates with these weights.
  ///
  /// - Throws: `StateDictionaryError`, `OtherNetwork`.
  func replica(
    _ layout: ShardLayout, threads: Int, exchange: any StatisticsExchange
  ) throws -> Replica {
    let replica = Replica(
      architecture, evaluation: layout, threads: threads, exchange: exchange)
    try weights.load(into: replica)
    return replica
  }

  /// Whether the weights are of this network.
  ///
  /// - Throws: `StateDictionaryError`, `OtherNetwork`.
  func check() throws {
    _ = try replica(
      ShardLayout(batch: 1, shards: 1), threads: 1, exchange: SingleRankExchange())
  }

  /// The digest of the weights that `replica` would have.
  var parametersSHA256: String {
    sha256OfTensors(weights.tensors.map { ($0.name, $0.values) })
  }

  /// What the weights were trained with, and over it what the user gave: both, or mean or deviation alone.
  private static func normalization(
    _ configuration: TrainingConfiguration, _ weights: WeightsFile, source: any ImageSource,
    given: Bool, shape: ImageShape
  ) throws -> Normalization {
    let tensors = weights.preprocessing ?? []
    let known = Preprocessing.normalization(tensors, shape: shape)
    if !given, let known { return known }
    // What `auto` means is what the weights say, where they say something.
    let configuration =
      tensors.isEmpty ? configuration.withResolvedNormalization(for: source) : configuration
    let file = try configuration.statisticsFile(shape: shape)
    let mean: Normalization.Mean
    switch configuration.data.mean {
    case .file: mean = .perPixel(file?.meanImage ?? [])
    case .values(let values): mean = .perChannel(values)
    case .none: mean = .perChannel(Array(repeating: 0, count: shape.channels))
    case .automatic, .perPixel, .perChannel:
      guard let known else {
        if let image = weights.meanImageShape {
          throw MeanImageOfOtherSize(path: weights.path, mean: image, input: shape)
        }
        throw MissingNormalization(path: weights.path)
      }
      mean = known.mean
    }
    let deviation: [Float]
    switch configuration.data.deviation {
    case .values(let values): deviation = values
    case .none: deviation = Array(repeating: 1, count: shape.channels)
    case .automatic, .perChannel:
      let own = tensors.first { $0.name == "std" && $0.shape == [shape.channels] }?.values
      guard let values = file?.deviation ?? own else {
        throw MissingNormalization(path: weights.path)
      }
      deviation = values
    }
    return Normalization(mean: mean, deviation: deviation)
  }
}
