/// `resnet-dist data statistics`: what training images are like on average.

import ArgumentParser
import Console
import Runs

struct StatisticsCommand: RankedCommand {
  static let usesRanks = false

  static let configuration = CommandConfiguration(
    commandName: "statistics",
    abstract:
      "Compute mean image, mean colour, deviation and principal colours of the training images.",
    discussion: """
      Images are taken as a test would take them, resized and cropped at the centre. The file serves \
      --mean in train and eval:

        resnet-dist data statistics --dataset image-folder --data-dir images -o mean.safetensors
        mpirun -n 8 resnet-dist --dataset image-folder --data-dir images --mean mean.safetensors
      """)

  @OptionGroup var source: ImageSourceFlags

  @OptionGroup(title: "Sizes") var sizes: ImageSizeFlags

  @Option(help: ArgumentHelp("Use only the first N training images.", valueName: "N"))
  var trainLimit: String?

  @Option(
    name: [.long, .customShort("o")],
    help: ArgumentHelp("The file to write.", valueName: "file.safetensors"))
  var output: String

  func validate() throws {
    // --mean tells a file from a number by this.
    if !output.hasSuffix(".safetensors") {
      throw ValidationError("--output \(output): expected a name that ends in .safetensors")
    }
  }

  func runAlone() throws {
    let flags = (source.values + [("train-limit", trainLimit)] + sizes.values)
      .compactMap { key, value in value.map { (key: key, value: $0) } }
    try StatisticsRun(flags: flags).write(to: output, console: StandardConsole.output)
  }
}
