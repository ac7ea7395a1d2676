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
  private let metadata: ExportMetadata

  /// Reads weights and checks that they are of the network.
  ///
  /// - Parameters:
  ///   - path: a run folder, a checkpoint or a weights file.
  ///   - changes: network settings, over those of the run that the weights are from.
  ///   - imageSize: height and width of the images; nil is those of the mean image that the network was
  ///     trained with, if there is one.
  /// - Throws: `ConfigurationError`, `ModelError`, `StateDictionaryError`, `OtherNetwork`,
  ///   `UnrecognizedNetwork`, and what `WeightsFile` throws.
  package init(
    weights path: String, changes: ConfigurationChanges, imageSize: Int?
  ) throws {
    let configuration = try TrainingConfiguration.ofClassifier(weights: path, changes: changes)
    weights = try WeightsFile(path)
    let meanImage = weights.meanImageShape
    let given = imageSize.map { ImageShape(height: $0, width: $0, channels: 3) }
    hasFixedSize = given != nil || meanImage != nil
    let classes = weights.classes ?? 1
    architecture = try configuration.architecture(classes: classes, input: given ?? meanImage)
    // Tensors do not depend on the images' size, but the memory of activations does.
    let replica = Replica(
      try configuration.architecture(classes: classes, input: nil),
      evaluation: try ShardLayout(batch: 1, shards: 1),
      exchange: SingleRankExchange())
    try weights.load(into: replica)
    state = replica.stateDictionary()
    metadata = ExportMetadata(
      weights, architecture, transposesByEXIF: configuration.data.transposesByEXIF,
      parametersSHA256: replica.parametersSHA256)
  }

  /// Writes an ONNX model, whole or not at all.
  ///
  /// - Throws: `FileError`.
  package func write(onnx path: String) throws {
    let model = try ONNXModel(
      architecture, state: state, hasFixedSize: hasFixedSize, metadata: metadata.entries)
    try AtomicFile.write(model.bytes(), to: path)
  }

  /// Writes a safetensors file with all that PyTorch's `load_state_dict` wants, whole or not at all.
  ///
  /// - Throws: `FileError`.
  package func write(safetensors path: String) throws {
    let bytes = try SafetensorsWriter.bytes(
      of: state.map(\.content)
        + architecture.countedLayers.map { .batchCounter(ofLayer: $0, weights.state?.step ?? 0) },
      metadata: metadata.ofSafetensors, name: path)
    try AtomicFile.write(bytes, to: path)
  }
}
