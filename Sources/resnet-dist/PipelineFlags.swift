/// Flags of `resnet-dist bench --data`.

import ArgumentParser

struct PipelineFlags: ParsableArguments {
  @Flag(
    help: ArgumentHelp(
      "Measure reading, decoding and augmentation alone, of the images that --dataset and --data-dir "
        + "name, at --image-size."))
  var data = false

  @OptionGroup var source: ImageSourceFlags

  @OptionGroup(title: "Augmentation") var augmentation: AugmentationFlags

  func validate() throws {
    guard !data, let (flag, _) = values.first(where: { $0.1 != nil }) else { return }
    throw ValidationError("--\(flag) is about the input pipeline: use it with --data")
  }

  var values: [(String, String?)] {
    source.values + augmentation.values
  }
}
