/// `resnet-dist inspect`: what a checkpoint holds.

import ArgumentParser
import Training

struct InspectCommand: RankedCommand {
  static let usesRanks = false

  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show what a run, a checkpoint or a weights file holds.",
    discussion: """
      parameters_sha256 is taken over every parameter and BN running statistic by name: equal digests \
      mean equal networks.
      """)

  @Argument(help: "A run folder, a checkpoint in it, or a .safetensors file.")
  var checkpoint: String

  @Flag(help: "Print one JSON object instead of text.")
  var json = false

  func runAlone() throws {
    let inspection = try CheckpointInspection(checkpoint)
    StandardConsole.output.writeLine(json ? inspection.json : inspection.text)
  }
}
