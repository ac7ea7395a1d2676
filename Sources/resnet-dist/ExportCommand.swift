/// `resnet-dist export`: a trained network for other programs.

import ArgumentParser
import Console
import Runs
import Settings

struct ExportCommand: RankedCommand {
  static let usesRanks = false

  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write a trained network for ONNX Runtime or PyTorch.",
    usage: "resnet-dist export <weights> [<options>]",
    discussion: """
      Weights from a run know their network; for a plain file name it:

        resnet-dist export runs/NAME --onnx model.onnx
        resnet-dist export resnet50.pth --model resnet50 --onnx resnet50.onnx
        resnet-dist export runs/NAME --safetensors weights.safetensors

      The ONNX model takes normalized images as 'input', float [batch, 3, height, width], and gives \
      'logits'. Its metadata holds mean and std (of pixel/255) and the classes' names where they are \
      known.
      """)

  @Argument(
    help: "A run folder, a checkpoint in it, or a .safetensors or .pth file.", completion: .file())
  var weights: String

  @Option(help: ArgumentHelp("Write an ONNX model.", valueName: "file"), completion: .file())
  var onnx: String?

  @Option(
    help: ArgumentHelp("Write the tensors in PyTorch's names and shapes.", valueName: "file"),
    completion: .file())
  var safetensors: String?

  @OptionGroup(title: ArchitectureSelection.title)
  var network: SettingOptions<ArchitectureSelection>

  @Option(
    help: ArgumentHelp(
      "Fix the side of the ONNX model's images. (default: any size, unless the network has a mean "
        + "image)", valueName: "pixels"))
  var imageSize: Int?

  func validate() throws {
    if onnx == nil, safetensors == nil {
      throw ValidationError("export needs --onnx or --safetensors: the file to write")
    }
    let sides = DataSettings.sides
    if let imageSize, !sides.contains(imageSize) {
      throw ValidationError(
        "--image-size is a number from \(sides.lowerBound) to \(sides.upperBound), not "
          + "\(imageSize)")
    }
  }

  func runAlone() throws {
    try OutputFiles.check(
      [("--onnx", onnx), ("--safetensors", safetensors)], inputs: [weights])
    let export = try WeightsExport(
      weights: weights, changes: network.changes, imageSize: imageSize)
    if let onnx {
      try export.write(onnx: onnx)
      StandardConsole.output.writeLine("wrote \(onnx)")
    }
    if let safetensors {
      try export.write(safetensors: safetensors)
      StandardConsole.output.writeLine("wrote \(safetensors)")
    }
  }
}
