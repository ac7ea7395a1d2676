/// A network's weights, wherever a user points: a run, a checkpoint in it, or a safetensors file.

import Foundation
import Networks
import Safetensors

/// Weights fit a network by names and shapes, but were trained as another one.
public struct OtherNetwork: Error, Equatable, CustomStringConvertible {
  public let path: String
  public let trained: String
  public let requested: String

  public var description: String {
    "\(path): these weights are not of \(requested), they were trained as \(trained): use --model "
      + trained
  }
}

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

  /// Sets the parameters and running statistics of `replica`.
  ///
  /// - Throws: `StateDictionaryError`, and `OtherNetwork`: a plain and a residual network have the
  ///   same tensors, so files of ours also say which they are of.
  func load(into replica: Replica) throws {
    try replica.load(stateDictionary: tensors)
    let isOurs = metadata["parameters_sha256"] != nil
    let requested = replica.architecture.name
    if isOurs, let trained = metadata["model"], trained != requested {
      throw OtherNetwork(path: path, trained: trained, requested: requested)
    }
  }

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
  ///
  /// The result does not lead through the checkpoint, which may be removed while the run goes on.
  public static func runFolder(ofCheckpoint path: String) -> String {
    let names = path.split(separator: "/").suffix(2)
    let isPlain = names.count == 2 && !names.contains(".") && !names.contains("..")
    let whole = isPlain ? path : URL(fileURLWithPath: path).standardizedFileURL.path
    let checkpoints = (whole as NSString).deletingLastPathComponent
    let run = (checkpoints as NSString).deletingLastPathComponent
    return run.isEmpty ? "." : run
  }

  /// Whether two paths lead to the same place.
  static func areSame(_ first: String, _ second: String) -> Bool {
    let paths = [first, second].map { URL(fileURLWithPath: $0).resolvingSymlinksInPath().path }
    return paths[0] == paths[1]
  }
}
