/// What a checkpoint or a weights file holds, for people and for scripts.

import System
import Console
import Foundation
import Safetensors
import Settings
import Tensors

/// One `resnet-dist inspect`.
package struct CheckpointInspection {
  private let path: String
  private let model: String?
  private let step: Int?
  private let epoch: Int?
  private let parameters: Int
  private let parametersSHA256: String
  private let tensors: Int
  private let file: WeightsFile

  /// - Parameter path: a run folder, a checkpoint in it, or a `.safetensors` or `.pth` file.
  /// - Throws: `CheckpointError`, `SafetensorsError`, `PyTorchFileError`.
  package init(_ path: String) throws {
    let file = try WeightsFile(path)
    self.file = file
    self.path = file.path
    model = file.state?.model ?? file.metadata["model"]
    step = file.state?.step ?? file.metadata["step"].flatMap { Int($0) }
    epoch = file.state?.epoch ?? file.metadata["epoch"].flatMap { Int($0) }
    tensors = file.tensors.count
    parameters = file.tensors.filter { !$0.name.contains(".running_") }
      .reduce(0) { $0 + $1.values.count }
    parametersSHA256 = sha256OfTensors(file.tensors.map { ($0.name, $0.values) })
  }

  /// `{"model","step","epoch","parameters","parameters_sha256"}`; null where a plain weights file does
  /// not say.
  package var json: String {
    JSON.object([
      "model": .optional(model), "step": .optional(step), "epoch": .optional(epoch),
      "parameters": .integer(parameters), "parameters_sha256": .string(parametersSHA256),
    ]).description
  }

  package var text: String {
    var table = SummaryTable()
    table.add("file", path)
    table.add(
      "network",
      model ?? file.recognizedModel.map { "\($0.name), by its tensors" } ?? "not said in the file")
    if let classes { table.add("classes", classes) }
    if let input { table.add("images", input) }
    table.add("step", step.map(\.grouped) ?? "not said in the file")
    table.add("epoch", epoch.map(\.grouped) ?? "not said in the file")
    if let best = file.state?.best {
      let isDetector = file.state?.settings?["task"] == TrainingTask.detection.rawValue
      table.add(
        isDetector ? "highest AP" : "lowest error",
        NumberFormat.percent(isDetector ? 1 - best.error : best.error, decimals: 2)
          + " after step \(best.step.grouped)")
    }
    table.add("parameters", "\(parameters.grouped) in \(tensors.grouped) tensors with statistics")
    table.add("sha256", parametersSHA256)
    return String(table.description.dropLast())
  }

  private var classes: String? {
    guard let count = file.classes ?? file.state?.classes else { return nil }
    let names = file.classNames
    if names.isEmpty { return "\(count.grouped)" }
    return "\(count.grouped): " + names.prefix(10).joined(separator: ", ")
      + (names.count > 10 ? ", …" : "")
  }

  /// The images that the network wants, as far as the file tells.
  private var input: String? {
    var parts: [String] = []
    if let side = file.inputSide {
      parts.append(
        "\(side)×\(side)"
          + (file.testResize.map { ", the centre of a shorter side of \($0)" } ?? "")
          + (file.interpolation.map { ", \($0.rawValue)" } ?? ""))
    }
    for (name, tensor) in [("mean", "mean"), ("deviation", "std")] {
      guard let values = file.preprocessing?.first(where: { $0.name == tensor })?.values else {
        continue
      }
      parts.append(
        values.count > 3
          ? "\(name) of each pixel"
          : "\(name) " + values.map { String(format: "%.4g", $0) }.joined(separator: ","))
    }
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
  }
}
