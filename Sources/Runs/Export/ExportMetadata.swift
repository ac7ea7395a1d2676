/// What the tensors of exported weights do not say.

import Networks
import System

/// A network's name and how its images were prepared, by the keys that a file's metadata have.
struct ExportMetadata {
  /// In the order in which they are written.
  let entries: [(key: String, value: String)]

  /// `resize` is the shorter side that images are resized to and `crop` the side of the centre that the
  /// network sees; images that are taken as they are have no `resize`, and those that are not square have
  /// `input_height` and `input_width` instead. `mean` and `std` are numbers with commas in units of
  /// pixel/255, of a mean image channel after channel, whose `mean_shape` is channels, height and width;
  /// `class_names` is a JSON list, `exif_transpose` is left out where it is off.
  ///
  /// - Parameters:
  ///   - weights: whose network it is.
  ///   - digest: of the tensors that are written.
  init(
    _ weights: WeightsFile, _ architecture: Architecture, transposesByEXIF: Bool,
    parametersSHA256 digest: String
  ) {
    var entries: [(key: String, value: String)] = [("model", architecture.name)]
    if let shortcut = weights.state?.shortcut { entries.append(("shortcut", shortcut)) }
    if let stride = architecture.stride { entries.append(("stride_placement", stride.rawValue)) }
    entries.append(("parameters_sha256", digest))
    for tensor in weights.preprocessing ?? [] {
      entries.append((tensor.name, tensor.values.map { "\($0)" }.joined(separator: ",")))
    }
    if let image = weights.meanImageShape {
      entries.append(("mean_shape", "\(image.channels),\(image.height),\(image.width)"))
    }
    if let side = weights.inputSide { entries.append(("crop", "\(side)")) }
    if let input = weights.oblongInput {
      entries.append(("input_height", "\(input.height)"))
      entries.append(("input_width", "\(input.width)"))
    }
    if let resize = weights.testResize { entries.append(("resize", "\(resize)")) }
    if let filter = weights.interpolation { entries.append(("interpolation", filter.rawValue)) }
    if transposesByEXIF { entries.append(("exif_transpose", "true")) }
    if !weights.classNames.isEmpty {
      entries.append(("class_names", JSON.array(weights.classNames.map(JSON.string)).description))
    }
    self.entries = entries
  }

  /// Those of a safetensors file, which PyTorch reads.
  var ofSafetensors: [String: String] {
    Dictionary(uniqueKeysWithValues: entries).merging(["format": "pt"]) { $1 }
  }
}
