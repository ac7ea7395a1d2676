/// The flags that name a network, of every command that builds one.

import ArgumentParser

struct ArchitectureFlags: ParsableArguments {
  @Option(
    name: [.long, .customLong("arch"), .customShort("a")],
    help: ArgumentHelp(
      "The network: resnetN or plainN with N = 6n+2 layers (20, 32, 44, 56, 110, 1202) for small "
        + "images; resnet18, 34, 50, 101, 152, plain18, 34 and resnext50_32x4d and its like for "
        + "large ones. (default: resnet20)", valueName: "name"))
  var model: String?

  @Option(
    help: ArgumentHelp(
      "The residual nets' shortcuts: A zeros appended, B projections where sizes change, C "
        + "projections everywhere. (default: A for small images, B for large ones)",
      valueName: "A|B|C"))
  var shortcut: String?

  @Option(
    help: ArgumentHelp(
      "Which convolution of a bottleneck block has stride 2: the first 1x1, as in the paper (v1), or "
        + "the 3x3, as in torchvision (v1.5). (default: 3x3)", valueName: "1x1|3x3"))
  var stridePlacement: String?

  var values: [(String, String?)] {
    [("model", model), ("shortcut", shortcut), ("stride-placement", stridePlacement)]
  }
}
