/// Trained weights, checked against their network, written for other programs.

import System
import Foundation
import Networks
import ONNX
import Safetensors
import Settings
import Tensors

/// One `resnet-dist export`.
package struct WeightsExport {
  private let architecture: Architecture
  /// Whether the images' size is known, not just that of the papers.
  private let hasFixedSize: Bool
  private let weights: WeightsFile
  private let state: [StateTensor]
  /// Whether images were normalized with a mean for each pixel: too much for a file's metadata.
  private let hasMeanImage: Bool

  /// Reads weights and checks that they are of the network.
  ///
  /// - Parameters:
  ///   - path: a run folder, a checkpoint or a weights file.
  ///   - changes: network settings, over those of the run that the weights are from.
  ///   - imageSize: height and width of the images; nil is those of the mean image that the network was
  ///     trained with, if there is one.
  /// - Throws: `ConfigurationError`, `ModelError`, `StateDictionaryError`, `OtherNetwork`, and what
  ///   `WeightsFile` throws.
  package init(
    weights path: String, changes: ConfigurationChanges, imageSize: Int?
  ) throws {
    let configuration = changes.applied(to: try .ofClassifier(weights: path))
    weights = try WeightsFile(path)
    let mean = weights.preprocessing?.first { $0.name == "mean" }?.shape
    let meanImage = mean.flatMap { shape in
      shape.count == 3
        ? ImageShape(height: shape[1], width: shape[2], channels: shape[0]) : nil
    }
    let given = imageSize.map { ImageShape(height: $0, width: $0, channels: 3) }
    hasMeanImage = meanImage != nil
    hasFixedSize = given != nil || meanImage != nil
    architecture = try configuration.architecture(
      classes: weights.classes ?? 1, input: given ?? meanImage)
    let replica = Replica(
      architecture, evaluation: try ShardLayout(batch: 1, shards: 1),
      exchange: SingleRankExchange())
    try weights.load(into: replica)
    state = replica.stateDictionary()
  }

  /// Writes an ONNX model, whole or not at all.
  ///
  /// - Throws: `FileError`.
  package func write(onnx path: String) throws {
    let model = try ONNXModel(
      architecture, state: state, hasFixedSize: hasFixedSize, metadata: try metadata())
    try AtomicFile.write(model.bytes(), to: path)
  }

  /// Writes a safetensors file with all that PyTorch's `load_state_dict` wants, whole or not at all.
  ///
  /// - Throws: `FileError`.
  package func write(safetensors path: String) throws {
    let texts = Dictionary(
      uniqueKeysWithValues: try metadata().filter { $0.key != "mean" || !hasMeanImage })
    let bytes = try SafetensorsWriter.bytes(
      of: state.map(\.content)
        + architecture.countedLayers.map { .batchCounter(ofLayer: $0, weights.state?.step ?? 0) },
      metadata: texts.merging(["format": "pt"]) { $1 }, name: path)
    try AtomicFile.write(bytes, to: path)
  }

  /// What the tensors do not say. `resize` is the shorter side that images are resized to and `crop` the
  /// side of the centre that the network sees, where images are not taken as they are. `mean` and `std` are numbers with commas in units of pixel/255,
  /// `class_names` is a JSON list.
  private func metadata() throws -> [(key: String, value: String)] {
    var metadata: [(key: String, value: String)] = [("model", architecture.name)]
    if let shortcut = weights.state?.shortcut { metadata.append(("shortcut", shortcut)) }
    if let stride = architecture.stride { metadata.append(("stride_placement", stride.rawValue)) }
    metadata.append(
      ("parameters_sha256", sha256OfTensors(state.map { ($0.name, $0.values) })))
    for tensor in weights.preprocessing ?? [] {
      metadata.append((tensor.name, tensor.values.map { "\($0)" }.joined(separator: ",")))
    }
    if let side = weights.inputSide { metadata.append(("crop", "\(side)")) }
    if let resize = weights.testResize { metadata.append(("resize", "\(resize)")) }
    if let filter = weights.interpolation { metadata.append(("interpolation", filter.rawValue)) }
    if !weights.classNames.isEmpty {
      metadata.append(
        ("class_names", JSON.array(weights.classNames.map(JSON.string)).description))
    }
    return metadata
  }
}
