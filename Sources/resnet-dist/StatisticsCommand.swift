/// `resnet-dist data statistics`: what training images are like on average.

import ArgumentParser
import Console
import Runs
import Settings

struct StatisticsCommand: RankedCommand {
  static let usesRanks = false

  static let configuration = CommandConfiguration(
    commandName: "statistics",
    abstract:
      "Compute mean image, mean colour, deviation and principal colours of the training images.",
    usage: "resnet-dist data statistics [<options>] --output <file.safetensors>",
    discussion: """
      Images are taken as a test would take them, resized and cropped at the centre. The file serves \
      --mean in train and eval:

        resnet-dist data statistics --dataset image-folder --data-dir images \\
            -o mean.safetensors
        mpirun -n 8 resnet-dist --dataset image-folder --data-dir images \\
            --mean mean.safetensors
      """)

  @OptionGroup(title: StatisticsSelection.title) var data: SettingOptions<StatisticsSelection>

  @Option(
    name: [.long, .customShort("o")],
    help: ArgumentHelp("The file to write.", valueName: "file.safetensors"), completion: .file())
  var output: String

  func validate() throws {
    // --mean tells a file from a number by this.
    if !output.hasSuffix(".safetensors") {
      throw ValidationError("--output \(output): expected a name that ends in .safetensors")
    }
  }

  func runAlone() throws {
    try StatisticsRun(data.changes.applied(to: .init()))
      .write(to: output, console: StandardConsole.output)
  }
}
