/// The settings that say how images become the network's input.

import Datasets
import Foundation

extension TrainingConfiguration {
  /// In the order in which `config.yaml` lists them.
  package static let imageSettings: [Setting] = [
    .optionalText("val-data", "a folder, or tar files", \.testDirectory),
    .optionalNumber("image-size", 1..., \.images.size),
    Setting(key: "exif-transpose", expected: "true or false") {
      String($0.images.transposesByEXIF)
    } set: {
      guard let value = Bool($1.lowercased()) else { return false }
      $0.images.transposesByEXIF = value
      return true
    },
    Setting(
      key: "train-crop", expected: TrainingCrop.allCases.map(\.rawValue).joined(separator: ", ")
    ) {
      $0.images.trainingCrop?.rawValue
    } set: {
      guard let value = TrainingCrop(rawValue: $1.lowercased()) else { return false }
      $0.images.trainingCrop = value
      return true
    },
    Self.range("scale", "two parts of the area, such as 0.08,1", \.images.area) {
      $0.lowerBound > 0 && $0.upperBound <= 1
    },
    Self.range("ratio", "two ratios of width to height, such as 0.75,1.333", \.images.ratio) {
      $0.lowerBound > 0.01 && $0.upperBound < 100
    },
    Setting(key: "train-scales", expected: "two lengths of the shorter side, such as 256,480") {
      $0.images.scales.map { "\($0.lowerBound),\($0.upperBound)" }
    } set: {
      let ends = $1.split(separator: ",", omittingEmptySubsequences: false)
        .map { Int(trimmed($0)) }
      guard ends.count == 2, let low = ends[0], let high = ends[1], 1 <= low, low <= high,
        high <= 65_536
      else { return false }
      $0.images.scales = low...high
      return true
    },
    .optionalNumber("val-resize-size", 1..., \.images.testResize),
    .optionalNumber("val-crop-size", 1..., \.images.testSize),
    Setting(
      key: "color-jitter",
      expected: "a number from 0 on, or one each for brightness, contrast and saturation"
    ) {
      $0.images.colorJitter.map { "\($0)" }.joined(separator: ",")
    } set: {
      let parts = $1.split(separator: ",", omittingEmptySubsequences: false)
      let values = parts.compactMap { Double(trimmed($0)) }
      guard values.count == parts.count, [1, 3].contains(values.count),
        values.allSatisfy({ $0.isFinite && $0 >= 0 })
      else { return false }
      $0.images.colorJitter = values.count == 1 ? Array(repeating: values[0], count: 3) : values
      return true
    },
    .real("pca-noise", "a number from 0 to 10", \.images.principalNoise) { (0...10).contains($0) },
    Setting(key: "on-bad-image", expected: "fail or skip") {
      $0.images.badImages.rawValue
    } set: {
      guard let value = BadImagePolicy(rawValue: $1.lowercased()) else { return false }
      $0.images.badImages = value
      return true
    },
  ]

  /// Two numbers, the first no greater than the second.
  private static func range(
    _ key: String, _ expected: String,
    _ path: WritableKeyPath<TrainingConfiguration, ClosedRange<Double>> & Sendable,
    accept: @escaping @Sendable (ClosedRange<Double>) -> Bool
  ) -> Setting {
    Setting(key: key, expected: expected) {
      let range = $0[keyPath: path]
      return "\(range.lowerBound),\(range.upperBound)"
    } set: {
      let ends = $1.split(separator: ",", omittingEmptySubsequences: false)
        .map { Double(trimmed($0)) }
      guard ends.count == 2, let low = ends[0], let high = ends[1], low.isFinite, high.isFinite,
        low <= high, accept(low...high)
      else { return false }
      $0[keyPath: path] = low...high
      return true
    }
  }

  private static func trimmed(_ text: Substring) -> String {
    text.trimmingCharacters(in: .whitespaces)
  }
}
