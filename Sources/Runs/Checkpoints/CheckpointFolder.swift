/// A checkpoint: everything that a run needs to resume bit for bit.
///
///     average.safetensors          the averaged weights, where a run keeps an average, likewise
///     checkpoint.json              where the run stood, and the other files' SHA-256
///     checkpoint.json.sha256       its own SHA-256, as `sha256sum -c` reads it
///     optimizer.safetensors        the optimizer's state, under the parameters' names
///     preprocessing.safetensors    mean [C, H, W] or [C] and std [C], in units of pixel/255
///     weights.safetensors          the network in torchvision's names: PyTorch loads it as it is

import Datasets
import Distributed
import Foundation
import Networks
import Optimizers
import Safetensors
import System

/// Why a checkpoint cannot be used.
package enum CheckpointError: Error, Equatable, CustomStringConvertible {
  case notFound(path: String)
  case unreadable(path: String, reason: String)
  case damaged(path: String)
  /// The checkpoint of a run's best evaluation is not there.
  case bestIsMissing(record: String, checkpoint: String)
  /// None of a run's checkpoints is whole.
  case noneWhole(run: String, newest: String)
  case different(path: String)
  case otherSettings(path: String, key: String)
  /// A run whose training is over was resumed with a setting that decides it: `key` was `value`.
  case finished(path: String, key: String, value: String)

  package var description: String {
    let instead = "copy it again, or give --resume the path of an older checkpoint"
    return switch self {
    case .notFound(let path):
      "there is no checkpoint at \(path): give a run folder, a checkpoints/step-… folder in it, or a "
        + "weights file (.safetensors or .pth)"
    case .unreadable(let path, let reason):
      "cannot read the checkpoint \(path): \(reason); \(instead)"
    case .damaged(let path):
      "\(path) is not the file that was written (its SHA-256 differs): \(instead)"
    case .bestIsMissing(let record, let checkpoint):
      "\(record) says that the best evaluation is of \(checkpoint), which is not there: copy it again, or "
        + "name another checkpoint"
    case .noneWhole(let run, let newest):
      "no checkpoint of \(run) is whole, the newest for this reason: \(newest)"
    case .different(let path):
      "\(path) exists already and holds other parameters: resume into another --run-dir"
    case .otherSettings(let path, let key):
      "\(path) is later than what is resumed and was made with another --\(key): leave --\(key) as "
        + "it was, or resume into another --run-dir"
    case .finished(let path, let key, let value):
      "the run in \(path) is finished, and was trained with --\(key) \(value): give another --run-dir for "
        + "another run, or leave --\(key) as it was"
    }
  }
}

/// Where a run stood when its checkpoint was taken.
package struct CheckpointState: Codable, Equatable, Sendable {
  package var model: String
  package var shortcut: String?
  /// Where bottleneck blocks have their stride, `1x1` or `3x3`; nil without such blocks.
  package var stridePlacement: String?
  package var classes: Int
  /// Names of the classes, in the order of the network's outputs.
  package var classNames: [String]
  /// The side of the network's square input in tests, in pixels; nil in checkpoints from before it was recorded,
  /// and where images are not square.
  package var inputSide: Int?
  /// Height and width of an input that is not square; nil in checkpoints from before they were recorded.
  package var inputHeight: Int?
  package var inputWidth: Int?
  /// The shorter side that test images were resized to; nil where they were taken as they are.
  package var testResize: Int?
  /// How images were resized, as `--interpolation` names it; nil where they were not, and in checkpoints from
  /// before there was a choice: bilinear.
  package var interpolation: String?
  /// Optimizer steps done.
  package var step: Int
  /// Whole epochs of images seen.
  package var epoch: Int
  package var batchSize: Int
  package var shards: Int
  package var seed: UInt64
  /// The optimizer whose state this is; nil in checkpoints from before there was a choice: `sgd`.
  package var optimizer: String?
  /// All settings that are set, by key, as on the command line; only those that a resumed run must keep in
  /// checkpoints from before all were recorded, and nil in still older ones.
  package var settings: [String: String]?
  /// SHA-256 over which images there are; a run resumes with the images that it began with.
  package var dataset: String
  /// What the files of these images hold; nil where `dataset` does alone, and in checkpoints from before it was
  /// recorded.
  package var images: ImageDigests?
  /// The state of a learning-rate schedule that has one.
  package var schedule: [String: Double]?
  /// The unfinished epoch's sums, so that its line in the log comes out the same.
  package var epochTotals: EpochTotals
  /// The sums since the last training line of the log, likewise.
  package var loggedTotals: EpochTotals
  /// The best evaluation so far, whose checkpoint is kept; nil before the first.
  package var best: BestEvaluation?
  /// Whether the evaluation at the end of the epoch that this step ends is still to be made: the run was
  /// stopped before it; nil: no.
  package var evaluationPending: Bool?
  /// The steps that changed nothing, where that is allowed; nil: there are none.
  package var skipped: SkippedSteps?
  package var parametersSHA256: String
  /// Seconds of training before it.
  package var seconds: Double

  enum CodingKeys: String, CodingKey {
    case model, shortcut, classes, step, epoch, shards, seed, optimizer, settings, dataset, images
    case schedule, seconds, best, skipped, interpolation
    case evaluationPending = "evaluation_pending"
    case stridePlacement = "stride_placement"
    case classNames = "class_names"
    case inputSide = "input_side"
    case inputHeight = "input_height"
    case inputWidth = "input_width"
    case testResize = "test_resize"
    case batchSize = "batch_size"
    case epochTotals = "epoch_totals"
    case loggedTotals = "logged_totals"
    case parametersSHA256 = "parameters_sha256"
  }
}

/// What a checkpoint holds beside the state.
struct CheckpointContents {
  let weights: [StateTensorView]
  /// The BN layers, whose batches PyTorch counts.
  let countedLayers: [String]
  let optimizerState: [TensorContent]
  /// Nil where the run keeps none.
  let average: [StateTensorView]?
  /// The tensors of the images' normalization.
  let preprocessing: [StateTensor]
}

package enum CheckpointFolder {
  package static let weights = "weights.safetensors"
  static let average = "average.safetensors"
  static let optimizer = "optimizer.safetensors"
  static let preprocessing = "preprocessing.safetensors"
  static let manifest = "checkpoint.json"
  static let manifestDigest = "checkpoint.json.sha256"

  private struct Manifest: Codable {
    var state: CheckpointState
    /// SHA-256 of each other file, in hexadecimal.
    var files: [String: String]
  }

  /// Writes all files of a checkpoint into `folder`, which exists and is empty.
  static func write(
    _ state: CheckpointState, _ contents: CheckpointContents, into folder: String
  ) throws {
    var files: [String: String] = [:]
    func writePart(_ tensors: [StateTensorView], of state: CheckpointState, _ name: String) throws {
      files[name] =
        try writeWeights(
          tensors, contents.countedLayers, step: state.step, metadata: metadata(state),
          toPath: "\(folder)/\(name)"
        ).sha256
    }
    try writePart(contents.weights, of: state, weights)
    if let averaged = contents.average {
      var state = state
      state.parametersSHA256 = averaged.sha256
      try writePart(averaged, of: state, average)
    }
    files[optimizer] =
      try SafetensorsWriter.write(
        contents.optimizerState, metadata: metadata(state),
        toPath: "\(folder)/\(optimizer)"
      ).sha256
    files[preprocessing] =
      try SafetensorsWriter.write(
        contents.preprocessing.map(\.content), metadata: ["format": "pt"],
        toPath: "\(folder)/\(preprocessing)"
      ).sha256
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    let json = try encoder.encode(Manifest(state: state, files: files))
    try json.write(to: URL(fileURLWithPath: "\(folder)/\(manifest)"))
    try digestFile(of: json).write(to: URL(fileURLWithPath: "\(folder)/\(manifestDigest)"))
  }

  /// What `manifestDigest` holds beside a manifest.
  private static func digestFile(of json: Data) -> Data {
    Data("\(SHA256.hexadecimal(of: json))  \(manifest)\n".utf8)
  }

  /// Writes a checkpoint's weights alone.
  ///
  /// - Parameters:
  ///   - countedLayers: the BN layers.
  ///   - step: their count of mini-batches.
  @discardableResult
  static func writeWeights(
    _ weights: [StateTensorView], _ countedLayers: [String], step: Int,
    metadata: [String: String], toPath path: String
  ) throws -> SafetensorsWriter.Written {
    try SafetensorsWriter.write(
      weights.map(\.content) + countedLayers.map { .batchCounter(ofLayer: $0, step) },
      metadata: metadata, toPath: path)
  }

  private static func metadata(_ state: CheckpointState) -> [String: String] {
    var metadata = [
      "format": "pt", "model": state.model, "shortcut": state.shortcut ?? "",
      "step": String(state.step), "epoch": String(state.epoch),
      "parameters_sha256": state.parametersSHA256,
    ]
    metadata["stride_placement"] = state.stridePlacement
    return metadata
  }

  /// The state of the checkpoint at `folder`, after checking that its files are what was written.
  ///
  /// - Throws: `CheckpointError`.
  package static func state(of folder: String) throws(CheckpointError) -> CheckpointState {
    let contents = try readManifest(of: folder)
    for (name, expected) in contents.files.sorted(by: { $0.key < $1.key }) {
      let file = "\(folder)/\(name)"
      guard FileManager.default.isReadableFile(atPath: file) else {
        throw .unreadable(path: file, reason: "the file is missing or not readable")
      }
      guard (try? SHA256.hexadecimal(ofFile: file)) == expected else { throw .damaged(path: file) }
    }
    return contents.state
  }

  /// The same without a look at the files beside `checkpoint.json`.
  static func uncheckedState(of folder: String) throws(CheckpointError) -> CheckpointState {
    try readManifest(of: folder).state
  }

  private static func readManifest(of folder: String) throws(CheckpointError) -> Manifest {
    let path = "\(folder)/\(manifest)"
    guard let json = FileManager.default.contents(atPath: path) else {
      throw .unreadable(path: path, reason: "the file is missing or not readable")
    }
    // Checkpoints from before there was a digest have none.
    if let digest = FileManager.default.contents(atPath: "\(folder)/\(manifestDigest)"),
      digest != Self.digestFile(of: json)
    {
      throw .damaged(path: path)
    }
    do { return try JSONDecoder().decode(Manifest.self, from: json) } catch {
      throw .unreadable(path: path, reason: "it is cut short or damaged")
    }
  }

  /// Checks that a run's checkpoint is whole and of the step that its name says.
  ///
  /// - Throws: `CheckpointError`.
  @discardableResult
  static func check(
    _ checkpoint: RunFolder.Checkpoint
  ) throws(CheckpointError) -> CheckpointState {
    let state = try state(of: checkpoint.path)
    if state.step != checkpoint.step {
      throw .unreadable(
        path: checkpoint.path, reason: "it is the checkpoint of step \(state.step)")
    }
    return state
  }

  /// The optimizer's state in the checkpoint at `folder`.
  static func optimizerState(of folder: String) throws -> [StateTensor] {
    try SafetensorsFile(contentsOf: "\(folder)/\(optimizer)").stateTensors()
  }
}

extension StateTensor {
  /// The tensor as it is written.
  var content: TensorContent { TensorContent(name, shape: shape, float32: values) }
}

extension StateTensorView {
  /// The tensor as it is written.
  var content: TensorContent {
    TensorContent(name, dtype: .float32, shape: shape) { sink in
      try withValues { try sink(UnsafeRawBufferPointer($0.elements).bytes) }
    }
  }
}

extension TensorContent {
  /// `num_batches_tracked` of a BN layer, which PyTorch expects beside the statistics.
  static func batchCounter(ofLayer name: String, _ steps: Int) -> TensorContent {
    TensorContent("\(name).num_batches_tracked", shape: [], int64: [Int64(steps)])
  }
}

extension Architecture {
  /// The BN layers, whose batches PyTorch counts.
  var countedLayers: [String] {
    nodes.filter { $0.operation.runningStatistics(of: inputShapes(of: $0)) > 0 }.map(\.name)
  }
}

extension SafetensorsFile {
  /// All floating-point tensors as Float32; integers such as `num_batches_tracked` are left out.
  func stateTensors() throws -> [StateTensor] {
    try entries.filter(\.dtype.isReadableAsFloat32).map {
      StateTensor(name: $0.name, shape: $0.shape, values: try float32($0.name))
    }
  }
}
