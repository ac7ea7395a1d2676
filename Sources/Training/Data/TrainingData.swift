/// The images that a run trains and is tested on.

import Datasets
import Networks

/// The two splits of a configured data set, opened and checked.
public struct TrainingData {
  public let train: any ImageSource
  public let test: any ImageSource

  /// Opens both splits.
  ///
  /// - Throws: `DatasetError`.
  public init(_ configuration: TrainingConfiguration) throws {
    let train = try Self.open(configuration, .train)
    let test = try Self.open(configuration, .test)
    guard train.classNames == test.classNames else {
      throw SplitsDiffer(train: train.classCount, test: test.classCount)
    }
    self.train = Self.limited(train, configuration.trainLimit)
    self.test = Self.limited(test, configuration.testLimit)
  }

  /// The test split alone, for evaluation.
  ///
  /// - Throws: `DatasetError`.
  public static func test(_ configuration: TrainingConfiguration) throws -> any ImageSource {
    limited(try open(configuration, .test), configuration.testLimit)
  }

  private static func limited(_ source: any ImageSource, _ limit: Int?) -> any ImageSource {
    guard let limit, limit < source.count else { return source }
    return Subset(source, indices: 0..<limit)
  }

  private static func open(
    _ configuration: TrainingConfiguration, _ split: DatasetSplit
  ) throws -> any ImageSource {
    let directory = configuration.dataDirectory
    switch configuration.dataset {
    case .fashionMNIST: return try FashionMNIST(directory: directory, split: split)
    case .cifar10: return try CIFARBinary(.cifar10, directory: directory, split: split)
    case .cifar100: return try CIFARBinary(.cifar100, directory: directory, split: split)
    case .imageFolder:
      guard let directory else { throw MissingDataDirectory() }
      return try ImageFolder(directory: directory, split: split)
    case .synthetic:
      return SyntheticImages(
        count: split == .train ? 4096 : 1024, classCount: 10, seed: configuration.seed,
        split: split)
    }
  }
}

/// `image-folder` has no usual place.
struct MissingDataDirectory: UsageError, CustomStringConvertible {
  var description: String {
    "--dataset image-folder needs --data-dir: a folder with train/<class>/ and test/<class>/, or "
      + "with <class>/ folders of JPEG or PNG images"
  }
}

/// The test images' classes are not the training images'.
struct SplitsDiffer: Error, CustomStringConvertible {
  let train: Int
  let test: Int

  var description: String {
    "training and test images have different classes (\(train) and \(test), or other names): "
      + "both splits need the same class folders"
  }
}
