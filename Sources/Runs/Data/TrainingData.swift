/// The images that a run trains and is tested on.

import Datasets
import Distributed
import Networks
import Settings
import Tensors

/// The splits of a configured data set, opened and checked.
package struct TrainingData {
  package let train: any ImageSource
  package let test: any ImageSource
  /// Images held out of the training images; nil: none are.
  package let validation: (any ImageSource)?
  /// Whether the same images serve both splits.
  package let testsTrainingImages: Bool
  /// What is done to test images.
  package let testTransform: ImageTransform
  /// The network's input in training, at the run's end.
  package let inputShape: ImageShape
  /// The same in tests.
  package let testShape: ImageShape
  /// Whether tests have images of another size than the end of training.
  package var hasOwnTestSize: Bool { testShape != inputShape }

  /// Opens both splits.
  ///
  /// - Throws: `DatasetError`, `ImageSizeError`.
  package init(_ configuration: TrainingConfiguration) throws {
    let train = try Self.open(configuration, .train)
    let test = try Self.open(configuration, .test, classNames: train.classNames)
    guard train.classNames == test.classNames else {
      throw SplitsDiffer(train: train.classNames, test: test.classNames)
    }
    testsTrainingImages = train.fingerprint == test.fingerprint
    let limited = Self.limited(train, configuration.data.trainLimit)
    if let count = configuration.data.validationSplit {
      guard count < limited.count else {
        throw NothingToTrainOn(heldOut: count, images: limited.count)
      }
      let parts = SelectedImages.holdingOut(count, of: limited)
      (self.train, validation) = (parts.train, parts.validation)
    } else {
      guard configuration.run.select == .last else { throw NothingToSelectBy() }
      (self.train, validation) = (limited, nil)
    }
    self.test = Self.limited(test, configuration.data.testLimit)
    let trainTransform = try configuration.trainingTransform(for: self.train)
    testTransform = try configuration.testTransform(for: self.test)
    inputShape = trainTransform.outputShape(of: self.train.imageShape)!
    testShape = testTransform.outputShape(of: self.test.imageShape)!
  }

  /// The images that epochs are evaluated on.
  package var evaluation: any ImageSource { validation ?? test }

  /// The test split alone, for evaluation.
  ///
  /// - Throws: `DatasetError`.
  package static func test(_ configuration: TrainingConfiguration) throws -> any ImageSource {
    limited(try open(configuration, .test), configuration.data.testLimit)
  }

  private static func limited(_ source: any ImageSource, _ limit: Int?) -> any ImageSource {
    guard let limit, limit < source.count else { return source }
    return Subset(source, indices: 0..<limit)
  }

  private static func open(
    _ configuration: TrainingConfiguration, _ split: DatasetSplit, classNames: [String]? = nil
  ) throws -> any ImageSource {
    let directory =
      split == .test
      ? configuration.data.testDirectory ?? configuration.data.directory
      : configuration.data.directory
    return try configuration.data.dataset.open(
      split, directory: directory, classNames: classNames,
      decoding: configuration.data.decoding, seed: configuration.run.seed)
  }
}

/// More images are held out than there are.
package struct NothingToTrainOn: UsageError, Equatable, CustomStringConvertible {
  package let heldOut: Int
  package let images: Int

  package var description: String {
    "--validation-split \(heldOut) holds out all of the \(images) training images: hold out fewer"
  }
}

/// The test images would choose the weights that they judge.
package struct NothingToSelectBy: UsageError, Equatable, CustomStringConvertible {
  package var description: String {
    "--select best chooses weights by validation images: hold some out with --validation-split"
  }
}

/// The test images' classes are not the training images'.
package struct SplitsDiffer: Error, CustomStringConvertible {
  package let train: [String]
  package let test: [String]

  package var description: String {
    func others(_ own: [String], _ what: String) -> String? {
      own.isEmpty ? nil : "only \(what) images have \(own.prefix(5).joined(separator: ", "))"
    }
    let differences = [
      others(train.filter { !test.contains($0) }, "training"),
      others(test.filter { !train.contains($0) }, "test"),
    ].compactMap(\.self)
    return "training and test images have different classes (\(train.count) and \(test.count)): "
      + (differences.isEmpty ? "their order differs" : differences.joined(separator: ", "))
      + "; both splits need the same class folders"
  }
}

extension MissingTarget: UsageError {}
extension MissingDataDirectory: UsageError {}
