/// What follows from a plain weights file for the commands that take one: its test images, and its network.

import Distributed
import Settings

extension WeightsFile {
  /// How test images became the input of an exported network, as far as the file tells; no sizes where `changes`
  /// have some.
  ///
  /// Images that were taken as they are have no resize: such images are again.
  func testImages(_ changes: ConfigurationChanges) -> ConfigurationChanges {
    var images: ConfigurationChanges = []
    if let interpolation { images = images + [.init(\.data.interpolation, interpolation)] }
    if transposesByEXIF { images = images + [.init(\.data.transposesByEXIF, true)] }
    if !changes.giveImageSizes, let side = inputSide, let resize = testResize {
      images =
        images + [
          .init(\.data.imageSize, side), .init(\.data.testResize, max(resize, side)),
        ]
    }
    return images
  }
}

extension ConfigurationChanges {
  /// Whether they say what size test images become.
  var giveImageSizes: Bool {
    contains(\.data.imageSize) || contains(\.data.testResize) || contains(\.data.testSize)
  }
}

extension TrainingConfiguration {
  /// Checks that somebody names the network of plain weights: they themselves, or the user.
  ///
  /// - Throws: `UnrecognizedNetwork`.
  func checkNetwork(of file: WeightsFile) throws(UnrecognizedNetwork) {
    if network.model == NetworkSettings.automatic { throw UnrecognizedNetwork(path: file.path) }
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
