/// What a weights file says of the images that its network wants, beside the tensors.

import Foundation
import Kernels
import Networks
import Settings
import Tensors

extension WeightsFile {
  /// The network of the catalog that the tensors are of; nil: none.
  var recognizedModel: RecognizedModel? {
    RecognizedModel(
      shapes: Dictionary(tensors.map { ($0.name, $0.shape) }) { first, _ in first })
  }

  /// The side of the network's square input in tests, in pixels; nil where the file does not say.
  package var inputSide: Int? { state?.inputSide ?? pixels("crop") }

  /// The network's input in tests where that is not square; nil where it is, and where the file does not say.
  var oblongInput: ImageShape? {
    guard let height = state?.inputHeight ?? pixels("input_height"),
      let width = state?.inputWidth ?? pixels("input_width")
    else { return nil }
    return ImageShape(height: height, width: width, channels: 3)
  }

  /// The size of the mean image that the network was trained with; nil where it has none.
  var meanImageShape: ImageShape? {
    guard let shape = preprocessing?.first(where: { $0.name == "mean" })?.shape, shape.count == 3
    else { return nil }
    return ImageShape(height: shape[1], width: shape[2], channels: shape[0])
  }

  /// The shorter side that test images were resized to; nil where they were taken as they are, and where
  /// the file does not say.
  package var testResize: Int? { state?.testResize ?? pixels("resize") }

  /// A length that an exported file's metadata have.
  private func pixels(_ key: String) -> Int? {
    guard let length = metadata[key].flatMap({ Int($0) }), DataSettings.sides.contains(length)
    else { return nil }
    return length
  }

  /// Whether an exported file says that photographs were turned upright.
  var transposesByEXIF: Bool { metadata["exif_transpose"] == "true" }

  /// Whether this program wrote the file for one that prepares images: it should say how.
  var isOfPreparedImages: Bool {
    state != nil || (metadata["parameters_sha256"] != nil && preprocessing != nil)
  }

  /// How images were resized in tests; nil where the file does not say.
  package var interpolation: ResamplingFilter? {
    (state?.interpolation ?? metadata["interpolation"]).flatMap { ResamplingFilter(rawValue: $0) }
  }

  /// Names of the classes in the order of the network's outputs; empty where the file does not say.
  package var classNames: [String] {
    if let state { return state.classNames }
    return metadata["class_names"].flatMap {
      try? JSONDecoder().decode([String].self, from: Data($0.utf8))
    } ?? []
  }

  /// `mean` and `std` as an exported file's metadata have them: numbers with commas, and the shape of a mean
  /// image.
  static func preprocessing(_ metadata: [String: String]) -> [StateTensor]? {
    var tensors: [StateTensor] = []
    for name in ["mean", "std"] {
      guard let text = metadata[name] else { return nil }
      let numbers = text.split(separator: ",").map { Float($0) }
      guard !numbers.isEmpty, !numbers.contains(nil) else { return nil }
      var shape = [numbers.count]
      if name == "mean", let image = metadata["mean_shape"] {
        let sides = image.split(separator: ",").compactMap { Int($0) }
        guard sides.count == 3, sides.allSatisfy(DataSettings.sides.contains),
          sides.reduce(1, *) == numbers.count
        else { return nil }
        shape = sides
      }
      tensors.append(
        StateTensor(name: name, shape: shape, values: numbers.compactMap(\.self)))
    }
    return tensors
  }
}
