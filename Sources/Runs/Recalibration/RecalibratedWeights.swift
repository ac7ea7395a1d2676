/// Where recalibrated weights are written: beside the old ones, never over them.

import Distributed
import Foundation
import Glibc
import Networks
import Safetensors
import Settings
import System

/// Plain weights have no run that could be written.
struct RunFromPlainWeights: UsageError, CustomStringConvertible {
  let weights: String
  let output: String

  var description: String {
    "\(weights) is a plain weights file, so a plain weights file comes of it: end --output \(output) "
      + "with .safetensors"
  }
}

/// The output exists already.
struct OutputExists: UsageError, CustomStringConvertible {
  let path: String

  var description: String { "\(path) exists already and is not replaced: use another --output" }
}

/// A `.safetensors` file, or a run folder with one checkpoint.
struct RecalibratedWeights {
  let source: WeightsFile
  let path: String
  /// Of the run that the source is from.
  let configuration: TrainingConfiguration

  private var isPlain: Bool { path.hasSuffix(".safetensors") }

  /// Checks that `path` is free and can hold what comes of `source`.
  ///
  /// - Throws: `OutputExists`, `RunFromPlainWeights`, `FileError`.
  func check() throws {
    var status = stat()
    if lstat(path, &status) == 0 { throw OutputExists(path: path) }
    let folder = TemporaryName.split(path).folder
    guard stat(folder, &status) == 0 else { throw FileError.current("open", folder) }
    if source.state == nil, !isPlain {
      throw RunFromPlainWeights(weights: source.path, output: path)
    }
  }

  /// Writes the weights of `replica`, all at once or not at all.
  ///
  /// - Throws: `FileError`, `SafetensorsError`, `CheckpointError`.
  func write(_ replica: Replica) throws {
    if isPlain { try writeFile(replica) } else { try writeRun(replica) }
  }

  /// The source's state with the new digest.
  private func state(_ replica: Replica) -> CheckpointState? {
    var state = source.state
    state?.parametersSHA256 = replica.parametersSHA256
    // Its checkpoint stays where it is.
    state?.best = nil
    return state
  }

  private func writeFile(_ replica: Replica) throws {
    let temporary = TemporaryName.beside(path)
    do {
      if let state = source.state {
        let metadata = ExportMetadata(
          source, replica.architecture, transposesByEXIF: configuration.data.transposesByEXIF,
          parametersSHA256: replica.parametersSHA256)
        let place = ["step": "\(state.step)", "epoch": "\(state.epoch)"]
        try CheckpointFolder.writeWeights(
          replica.stateViews(), replica.architecture.countedLayers, step: state.step,
          metadata: metadata.ofSafetensors.merging(place) { $1 }, toPath: temporary)
      } else {
        var metadata = source.metadata
        if metadata["parameters_sha256"] != nil {
          metadata["parameters_sha256"] = replica.parametersSHA256
        }
        try SafetensorsWriter.write(
          replica.stateViews().map(\.content), metadata: metadata, toPath: temporary)
      }
      try AtomicFile.move(temporary, to: path)
    } catch {
      unlink(temporary)
      throw error
    }
  }

  private func writeRun(_ replica: Replica) throws {
    guard let state = state(replica), let preprocessing = source.preprocessing else {
      preconditionFailure("a run is made of a run")
    }
    let folder = (source.path as NSString).deletingLastPathComponent
    let optimizerState = try CheckpointFolder.optimizerState(of: folder)
    try AtomicDirectory.create(at: path) { temporary in
      let checkpoint = "\(temporary)/checkpoints/\(RunFolder.checkpointName(step: state.step))"
      try FileManager.default.createDirectory(
        atPath: checkpoint, withIntermediateDirectories: true)
      try AtomicFile.write(configuration.yaml(), to: "\(temporary)/config.yaml")
      try CheckpointFolder.write(
        state,
        CheckpointContents(
          weights: replica.stateViews(),
          countedLayers: replica.architecture.countedLayers,
          optimizerState: optimizerState.map(\.content),
          average: nil, preprocessing: preprocessing),
        into: checkpoint)
    }
  }
}
