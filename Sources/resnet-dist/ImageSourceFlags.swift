/// The flags that say where images come from, for commands that read them without training.

import ArgumentParser

struct ImageSourceFlags: ParsableArguments {
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

  var values: [(String, String?)] {
    [("dataset", dataset), ("data-dir", dataDir), ("workers", workers)]
  }
}
