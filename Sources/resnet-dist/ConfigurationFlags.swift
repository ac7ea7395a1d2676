/// The flags that training and evaluation share: network, data, running.

import ArgumentParser

/// Flags that name the network and its weights.
struct NetworkFlags: ParsableArguments {
  @OptionGroup var architecture: ArchitectureFlags

  @Option(
    help: ArgumentHelp(
      "Weights to start from: a run folder, a checkpoint, or a .safetensors or .pth file with "
        + "torchvision's names.", valueName: "path"))
  var weights: String?

  var values: [(String, String?)] { architecture.values + [("weights", weights)] }
}

/// Flags that name the images and how they are normalized.
struct DataFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "fashion-mnist, cifar10, cifar100, image-folder, webdataset (tar files) or synthetic. "
        + "(default: fashion-mnist)",
      valueName: "name"))
  var dataset: String?

  @Option(
    name: [.long, .customLong("data-path")],
    help: ArgumentHelp(
      "Where the images are. An image folder holds train/<class>/… and test/<class>/…, or "
        + "<class>/… alone; tar files are a folder, or a pattern in quotes such as "
        + "'train-{0000..0146}.tar'. (default: where the data set's package or 'data fetch' puts it)",
      valueName: "folder"))
  var dataDir: String?

  @Option(
    name: [.long, .customLong("val-dir")],
    help: ArgumentHelp(
      "Where the test images are, if not in --data-dir.", valueName: "folder"))
  var valData: String?

  @Option(
    help: ArgumentHelp(
      "What is subtracted from pixel/255: per-channel, per-pixel (the mean image), the file of "
        + "'data statistics', none, or R,G,B. "
        + "(default: auto: per-channel for small images, else ImageNet's)", valueName: "mean"))
  var mean: String?

  @Option(
    help: ArgumentHelp(
      "What is divided by: per-channel, none, or R,G,B. (default: auto, as for --mean)",
      valueName: "std"))
  var std: String?

  @Option(help: ArgumentHelp("Use only the first N test images.", valueName: "N"))
  var testLimit: String?

  @OptionGroup(title: "Image sizes") var sizes: ImageSizeFlags

  var values: [(String, String?)] {
    [
      ("dataset", dataset), ("data-dir", dataDir), ("val-data", valData), ("mean", mean),
      ("std", std),
      ("test-limit", testLimit),
    ] + sizes.values
  }
}

/// Flags that say how the work is divided.
struct RunningFlags: ParsableArguments {
  @Option(
    name: [.long, .customShort("b")],
    help: ArgumentHelp(
      "The global mini-batch: images of all ranks together. (default: 128)", valueName: "N"))
  var batchSize: String?

  @Option(
    help: ArgumentHelp(
      "Logical shards of the mini-batch. Runs with the same shards give the same bits on any number "
        + "of ranks up to that many. (default: 8, or the ranks if more)", valueName: "N"))
  var shards: String?

  @Option(
    help: ArgumentHelp(
      "Threads of each rank. (default: the cores divided by the ranks)", valueName: "N"))
  var threads: String?

  @Option(
    name: [.long, .customShort("j")],
    help: ArgumentHelp("Threads of each rank that prepare images. (default: 1)", valueName: "N"))
  var workers: String?

  var values: [(String, String?)] {
    [("batch-size", batchSize), ("shards", shards), ("threads", threads), ("workers", workers)]
  }
}

/// Flags that say what the ranks sum, and how.
struct CommunicationFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Train the mini-batch in N parts, one after the other, with one update: a large mini-batch in "
        + "the memory of a part. BN sees a part at most. (default: 1)", valueName: "N"))
  var accumulate: String?

  @Option(
    help: ArgumentHelp(
      "Images whose batch-normalization statistics are merged, whichever ranks hold them: the papers' "
        + "images a GPU. Divides the mini-batch. (default: the whole mini-batch)", valueName: "N"))
  var bnGroupSize: String?

  @Option(
    help: ArgumentHelp(
      "How gradients are summed: tree, the same bits on any number of ranks, or mpi, MPI's own "
        + "all-reduce, for comparison. (default: tree)", valueName: "tree|mpi"))
  var reduction: String?

  @Option(
    help: ArgumentHelp(
      "How gradients travel between hosts: none, as they are, or bf16, rounded to half of the bytes. "
        + "Another number of hosts then gives other bits. (default: none)", valueName: "none|bf16"))
  var gradientCompression: String?

  @Option(
    help: ArgumentHelp(
      "Megabytes of gradients that are summed at a time while the backward pass goes on. "
        + "(default: 1)", valueName: "MB"))
  var bucketMb: String?

  @Option(
    help: ArgumentHelp(
      "Write what each rank did when, until memory for it is full, as a Chrome trace for Perfetto "
        + "(ui.perfetto.dev).", valueName: "file"))
  var timeline: String?

  var values: [(String, String?)] {
    [
      ("timeline", timeline), ("accumulate", accumulate), ("bn-group-size", bnGroupSize),
      ("reduction", reduction),
      ("gradient-compression", gradientCompression),
      ("bucket-mb", bucketMb),
    ]
  }
}
