/// Flags of `resnet-dist bench --data`.

import ArgumentParser

struct PipelineFlags: ParsableArguments {
  @Flag(
    help: ArgumentHelp(
      "Measure reading, decoding and augmentation alone, of the images that --dataset and --data-dir "
        + "name, at --image-size."))
  var data = false

  @Option(help: ArgumentHelp("As in train. (default: fashion-mnist)", valueName: "name"))
  var dataset: String?

  @Option(
    name: [.long, .customLong("data-path")],
    help: ArgumentHelp("Where the images are.", valueName: "folder"))
  var dataDir: String?

  @Option(
    name: [.long, .customShort("j")],
    help: ArgumentHelp("Threads of each rank that prepare images. (default: 1)", valueName: "N"))
  var workers: String?

  @OptionGroup(title: "Augmentation") var augmentation: AugmentationFlags

  func validate() throws {
    guard !data, let (flag, _) = values.first(where: { $0.1 != nil }) else { return }
    throw ValidationError("--\(flag) is about the input pipeline: use it with --data")
  }

  var values: [(String, String?)] {
    [("dataset", dataset), ("data-dir", dataDir), ("workers", workers)] + augmentation.values
  }
}
