/// A network's weights, wherever a user points: a run, a checkpoint in it, a safetensors file, or a
/// checkpoint of PyTorch's.

import Foundation
import Networks
import PyTorchFiles
import Safetensors
import System

/// Weights fit a network by names and shapes, but were trained as another one.
package struct OtherNetwork: Error, Equatable, CustomStringConvertible {
  package let path: String
  package let trained: String
  package let requested: String

  package var description: String {
    "\(path): these weights are not of \(requested), they were trained as \(trained): use --model "
      + trained
  }
}

extension WeightsFile {
  /// Which of a checkpoint's weights are read.
  package enum Content {
    /// Those that the run's evaluations are of: the averaged ones, where there are any.
    case result
    /// Those that training continues with.
    case training
    case average
  }
}

/// Weights read from a file, with the files beside them when they come from a run of this program.
package struct WeightsFile {
  /// The file that was read.
  package let path: String
  /// Parameters and running statistics in PyTorch's names.
  package let tensors: [StateTensor]
  package let metadata: [String: String]
  /// The checkpoint's state, when the file is part of one.
  package let state: CheckpointState?
  /// The `mean` and `std` that the network was trained with, when known.
  package let preprocessing: [StateTensor]?

  /// Reads weights.
  ///
  /// - Parameters:
  ///   - path: a `.safetensors` file, a `.pth` file, a checkpoint folder, a run folder (its
  ///     newest checkpoint; of a training in steps the last step's), or `best` in a run folder (that of its best evaluation).
  ///   - content: what a checkpoint is read for.
  /// - Throws: `CheckpointError`, `SafetensorsError`, `PyTorchFileError`, `FileError`.
  package init(_ path: String, _ content: Content = .result) throws {
    let folder = try Self.checkpointFolder(path)
    self.path = folder.map { "\($0)/\(Self.file(of: $0, path, content))" } ?? path
    state = try folder.map(CheckpointFolder.state)
    let named: [StateTensor]
    if PyTorchFile.isLikely(self.path) {
      metadata = [:]
      named = try PyTorchFile(contentsOf: self.path).float32Tensors().map {
        StateTensor(name: $0.name, shape: $0.shape, values: $0.values)
      }
    } else {
      let file = try SafetensorsFile(contentsOf: self.path)
      metadata = file.metadata
      named = try file.stateTensors()
    }
    tensors = Self.withoutWrappers(named)
    preprocessing =
      try folder.map {
        try SafetensorsFile(contentsOf: "\($0)/\(CheckpointFolder.preprocessing)").stateTensors()
      } ?? Self.preprocessing(metadata)
  }

  /// The file of the checkpoint at `folder` that has the weights which `path` means.
  private static func file(of folder: String, _ path: String, _ content: Content) -> String {
    let average = CheckpointFolder.average
    switch content {
    case .training: return CheckpointFolder.weights
    case .average: return average
    case .result:
      let isNamed = (path as NSString).lastPathComponent == CheckpointFolder.weights
      return hasAverage(folder) && !isNamed ? average : CheckpointFolder.weights
    }
  }

  /// Whether the checkpoint at `folder` has averaged weights.
  static func hasAverage(_ folder: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(folder)/\(CheckpointFolder.average)")
  }

  /// The tensors as the network itself would name them.
  ///
  /// DistributedDataParallel prefixes every name with `module.`, `torch.compile` with `_orig_mod.`;
  /// BN's counters, which some converters make floats, are no part of the state.
  private static func withoutWrappers(_ tensors: [StateTensor]) -> [StateTensor] {
    var tensors = tensors.filter { !$0.name.hasSuffix("num_batches_tracked") }
    while let prefix = ["module.", "_orig_mod."].first(where: { prefix in
      !tensors.isEmpty && tensors.allSatisfy { $0.name.hasPrefix(prefix) }
    }) {
      tensors = tensors.map {
        StateTensor(
          name: String($0.name.dropFirst(prefix.count)), shape: $0.shape, values: $0.values)
      }
    }
    return tensors
  }

  /// The number of classes that the classifier tells apart, if it has one.
  package var classes: Int? { tensors.first { $0.name == "fc.bias" }?.shape.first }

  /// Sets the parameters and running statistics of `replica`.
  ///
  /// - Parameter newClassifier: whether the classifier of `replica` stays as it is.
  /// - Throws: `StateDictionaryError`, and `OtherNetwork`: a plain and a residual network have the
  ///   same tensors, and so have both places of the stride, so files of ours say which they are of.
  func load(into replica: Replica, newClassifier: Bool = false) throws {
    var tensors = tensors
    if newClassifier {
      let classifier = "\(replica.architecture.scores.name)."
      tensors =
        tensors.filter { !$0.name.hasPrefix(classifier) }
        + replica.stateDictionary().filter { $0.name.hasPrefix(classifier) }
    }
    try replica.load(stateDictionary: tensors)
    let isOurs = metadata["parameters_sha256"] != nil
    let requested = replica.architecture.name
    guard isOurs, let trained = metadata["model"] else { return }
    if trained != requested {
      throw OtherNetwork(path: path, trained: trained, requested: requested)
    }
    if let stride = metadata["stride_placement"], let other = replica.architecture.stride?.rawValue,
      stride != other
    {
      let flag = "--stride-placement"
      throw OtherNetwork(
        path: path, trained: "\(trained) \(flag) \(stride)",
        requested: "\(trained) \(flag) \(other)")
    }
  }

  /// The checkpoint folder that `path` means; nil when it is a plain weights file.
  ///
  /// - Throws: `CheckpointError` when there is nothing usable at `path`.
  package static func checkpointFolder(_ path: String) throws -> String? {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      guard let best = try bestCheckpoint(path) else { throw CheckpointError.notFound(path: path) }
      return best
    }
    let folder = isFolder.boolValue ? path : (path as NSString).deletingLastPathComponent
    let here = folder.isEmpty ? "." : folder
    if FileManager.default.fileExists(atPath: "\(here)/\(CheckpointFolder.manifest)") {
      return here
    }
    guard isFolder.boolValue else { return nil }
    guard let newest = try RunFolder.checkpoints(in: RunFolder.resultingRun(path)).last else {
      throw CheckpointError.notFound(path: path)
    }
    return newest.path
  }

  /// The checkpoint of a run's best evaluation, when `path` is `best` in its folder.
  private static func bestCheckpoint(_ path: String) throws -> String? {
    let parent = (path as NSString).deletingLastPathComponent
    let run = RunFolder.resultingRun(parent.isEmpty ? "." : parent)
    guard (path as NSString).lastPathComponent == RunFolder.bestCheckpointName else { return nil }
    let checkpoints = try RunFolder.checkpoints(in: run)
    if let best = RunFolder.best(in: run) {
      let checkpoint = "\(run)/checkpoints/\(RunFolder.checkpointName(step: best.step))"
      if DirectoryListing.isFolder(checkpoint) { return checkpoint }
      // A run in progress replaces both files.
      if RunFolder.best(in: run) != best { return try bestCheckpoint(path) }
      throw CheckpointError.bestIsMissing(
        record: "\(run)/\(RunFolder.bestName)", checkpoint: checkpoint)
    }
    // Runs from before the best was recorded beside the checkpoints.
    guard let newest = checkpoints.last,
      let step = try CheckpointFolder.state(of: newest.path).best?.step
    else { return nil }
    return checkpoints.first { $0.step == step }?.path
  }

  /// The run that the checkpoint folder `path` belongs to: …/checkpoints/step-0001234 is two levels
  /// below it.
  ///
  /// The result does not lead through the checkpoint, which may be removed during the run.
  package static func runFolder(ofCheckpoint path: String) -> String {
    let names = path.split(separator: "/").suffix(2)
    let isPlain = names.count == 2 && !names.contains(".") && !names.contains("..")
    let whole = isPlain ? path : URL(fileURLWithPath: path).standardizedFileURL.path
    let checkpoints = (whole as NSString).deletingLastPathComponent
    let run = (checkpoints as NSString).deletingLastPathComponent
    return run.isEmpty ? "." : run
  }

  /// Whether two paths lead to the same file or folder.
  static func areSame(_ first: String, _ second: String) -> Bool {
    let paths = [first, second].map { URL(fileURLWithPath: $0).resolvingSymlinksInPath().path }
    return paths[0] == paths[1]
  }
}
