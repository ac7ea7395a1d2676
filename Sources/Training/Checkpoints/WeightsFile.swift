/// A network's weights, wherever a user points: a run, a checkpoint in it, or a safetensors file.

import Foundation
import Networks
import Safetensors

/// Weights read from a file, with what stands beside them when they come from one of our runs.
public struct WeightsFile {
  /// The safetensors file that was read.
  public let path: String
  /// Parameters and running statistics in PyTorch's names.
  public let tensors: [StateTensor]
  public let metadata: [String: String]
  /// The checkpoint's state, when the file is part of one.
  public let state: CheckpointState?
  /// The `mean` and `std` that the network was trained with, when known.
  public let preprocessing: [StateTensor]?

  /// Reads weights.
  ///
  /// - Parameter path: a `.safetensors` file, a checkpoint folder, or a run folder (its newest
  ///   checkpoint).
  /// - Throws: `CheckpointError`, `SafetensorsError`, `FileError`.
  public init(_ path: String) throws {
    let folder = try Self.checkpointFolder(path)
    self.path = folder.map { "\($0)/\(CheckpointFolder.weights)" } ?? path
    state = try folder.map(CheckpointFolder.state)
    let file = try SafetensorsFile(contentsOf: self.path)
    metadata = file.metadata
    // DistributedDataParallel saves every name behind "module.".
    tensors = try file.stateTensors().map { tensor in
      tensor.name.hasPrefix("module.")
        ? StateTensor(
          name: String(tensor.name.dropFirst("module.".count)), shape: tensor.shape,
          values: tensor.values)
        : tensor
    }
    preprocessing = try folder.map {
      try SafetensorsFile(contentsOf: "\($0)/\(CheckpointFolder.preprocessing)").stateTensors()
    }
  }

  /// The number of classes that the classifier tells apart, if it has one.
  public var classes: Int? { tensors.first { $0.name == "fc.bias" }?.shape.first }

  /// The checkpoint folder that `path` means; nil when it is a plain weights file.
  ///
  /// - Throws: `CheckpointError` when there is nothing usable at `path`.
  public static func checkpointFolder(_ path: String) throws -> String? {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw CheckpointError.notFound(path: path)
    }
    let folder = isFolder.boolValue ? path : (path as NSString).deletingLastPathComponent
    let here = folder.isEmpty ? "." : folder
    if FileManager.default.fileExists(atPath: "\(here)/\(CheckpointFolder.manifest)") {
      return here
    }
    guard isFolder.boolValue else { return nil }
    guard let newest = try RunFolder.checkpoints(in: path).last else {
      throw CheckpointError.notFound(path: path)
    }
    return newest.path
  }

  /// The run that the checkpoint folder `path` belongs to: …/checkpoints/step-0001234 is two levels
  /// below it.
  public static func runFolder(ofCheckpoint path: String) -> String {
    ("\(path)/../.." as NSString).standardizingPath
  }
}
