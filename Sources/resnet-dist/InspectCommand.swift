/// `resnet-dist inspect`: what a checkpoint holds, or what a network is made of.

import ArgumentParser
import Console
import Runs
import Settings

struct InspectCommand: RankedCommand {
  static let usesRanks = false

  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show what a run, a checkpoint or a weights file holds, or a network's layers.",
    usage: "resnet-dist inspect [<checkpoint>] [<options>]",
    discussion: """
      parameters_sha256 is taken over every parameter and BN running statistic by name: equal digests \
      mean equal networks.

        resnet-dist inspect runs/NAME

        # every layer's shape, parameters and multiply-adds
        resnet-dist inspect --model resnet50
      """)

  @Argument(
    help: "A run folder, a checkpoint in it, or a weights file.", completion: .file())
  var checkpoint: String?

  @OptionGroup(title: "A network instead of a file")
  var network: SettingOptions<ArchitectureSelection>

  @Option(help: ArgumentHelp("Classes. (default: 1000 or 10)", valueName: "N"))
  var classes: Int?

  @Option(
    help: ArgumentHelp("Side of the images. (default: 224 or 32)", valueName: "pixels"))
  var imageSize: Int?

  @Flag(help: "Print one JSON object instead of text.")
  var json = false

  func validate() throws {
    let isNetwork = network.givenFlags.contains("--model")
    if (checkpoint == nil) == !isNetwork {
      throw ValidationError(
        "inspect shows either a run, checkpoint or weights file, or the layers of --model")
    }
    let given =
      network.givenFlags + (classes != nil ? ["--classes"] : [])
      + (imageSize != nil ? ["--image-size"] : [])
    if checkpoint != nil, let flag = given.first {
      throw ValidationError("\(flag) belongs to --model; a file says itself what it holds")
    }
    for (flag, value, range) in [
      ("--classes", classes, 1...100_000), ("--image-size", imageSize, DataSettings.sides),
    ] {
      if let value, !range.contains(value) {
        throw ValidationError(
          "\(flag) is a number from \(range.lowerBound) to \(range.upperBound), not \(value)")
      }
    }
  }

  func runAlone() throws {
    let text: String
    if let checkpoint {
      let inspection = try CheckpointInspection(checkpoint)
      text = json ? inspection.json : inspection.text
    } else {
      let table = try ArchitectureTable(
        network.changes.applied(to: .init()), classes: classes, imageSize: imageSize)
      text = json ? try table.json : table.text
    }
    try StandardConsole.output.writeResultLine(text)
  }
}
