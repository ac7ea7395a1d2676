/// Every value that decides a training run, with its default: what `config.yaml` holds.

import Distributed
import Networks

/// A resolved run. The coding keys are the command line's flags without the dashes, so a run's
/// `config.yaml` can be given back with `--config` and reads like the command that made it.
package struct TrainingConfiguration: Hashable, Sendable {
  // MARK: Network
  package var model = "resnet20"
  /// Nil: the model's own (A for the CIFAR networks, none for plain ones).
  package var shortcut: Shortcut?
  /// Where bottleneck blocks have their stride; nil: torchvision's choice, the 3×3 convolution.
  package var stridePlacement: BottleneckStride?
  /// Whether the last γ of each residual block begins as 0.
  package var zeroInitResidual = false
  /// The weights that training starts from; nil: He initialization.
  package var weights: String?

  // MARK: Data
  package var dataset = DatasetName.fashionMNIST
  /// Nil: the data set's usual place.
  package var dataDirectory: String?
  /// Where the test images are, if elsewhere: the value of `dataDirectory` for them.
  package var testDirectory: String?
  /// Use only the first so many training images; nil: all.
  package var trainLimit: Int?
  /// Use only the first so many test images; nil: all.
  package var testLimit: Int?
  package var mean = MeanChoice.automatic
  package var deviation = DeviationChoice.automatic
  /// Zeros added on each side before the random crop; 0 turns the crop off.
  package var cropPadding = 4
  /// Whether images are mirrored at random.
  package var flip = true
  /// How images become the network's input.
  package var images = ImageOptions()

  // MARK: Optimization
  /// The global mini-batch.
  package var batchSize = 128
  /// Parts of the mini-batch that are trained one after the other before an update.
  package var accumulate = 1
  /// Logical shards of the mini-batch; nil: see `shards(ranks:)`.
  package var shards: Int?
  /// Images of a BN group; nil: the whole mini-batch.
  package var normalizationGroup: Int?
  package var schedule = ScheduleSettings()
  package var optimizer = OptimizerSettings()
  /// The part of the training loss's target that is spread evenly over the classes.
  package var labelSmoothing = 0.0
  package var seed: UInt64 = 1

  // MARK: Running
  /// Threads of each rank; nil: this machine's cores divided by its ranks.
  package var threads: Int?
  /// Threads of each rank that read and augment images.
  package var workers = 1
  package var reduction = ReductionChoice.tree
  /// Of what travels between hosts.
  package var gradientCompression = GradientCompression.none
  /// Megabytes (2²⁰ bytes) of gradients that are summed at a time.
  package var bucketMegabytes = 1.0
  /// Seconds without progress after which the job is ended; 0: never.
  package var stallTimeout = 300.0
  /// Where a Chrome trace of all ranks is written at the end; nil: nowhere.
  package var timeline: String?
  /// Nil: a new folder under `runs`.
  package var runDirectory: String?
  /// Iterations between checkpoints; nil: an epoch's.
  package var checkpointEvery: Int?
  /// Checkpoints that are kept; older ones are removed.
  package var keepCheckpoints = 3
  /// Epochs between evaluations on the test images.
  package var evaluateEvery = 1

  /// The logical shards of the whole mini-batch: 8 of each part, or as many as ranks where those are
  /// more, and enough for the BN groups.
  package func shards(ranks: Int) -> Int {
    if let shards { return shards }
    let least = max(8, ranks)
    let part = batchSize / accumulate
    guard let group = normalizationGroup, part % group == 0 else { return least * accumulate }
    let groups = part / group
    return (least + groups - 1) / groups * groups * accumulate
  }

  /// This rank's share of each part of the mini-batch.
  ///
  /// - Throws: `AccumulationError`, `ShardLayoutError`.
  package func partLayout(ranks: Int, rank: Int) throws -> ShardLayout {
    let shards = shards(ranks: ranks)
    guard batchSize % accumulate == 0, shards % accumulate == 0 else {
      throw AccumulationError(parts: accumulate, batch: batchSize, shards: shards)
    }
    return try ShardLayout(
      batch: batchSize / accumulate, shards: shards / accumulate, ranks: ranks, rank: rank)
  }

  package var bucketBytes: Int { Int(bucketMegabytes * 1_048_576) }

  package init() {}
}

/// A mini-batch cannot be trained in so many parts.
package struct AccumulationError: Error, Equatable, CustomStringConvertible {
  package let parts: Int
  package let batch: Int
  package let shards: Int

  package var description: String {
    batch % parts == 0
      ? "\(shards) logical shards cannot be divided into \(parts) parts: use --shards with a multiple "
        + "of \(parts)"
      : "a mini-batch of \(batch) images cannot be divided into \(parts) parts: use an --accumulate "
        + "that divides it"
  }
}

/// The data sets that are built in.
package enum DatasetName: String, CaseIterable, Codable, Sendable {
  case fashionMNIST = "fashion-mnist"
  case cifar10
  case cifar100
  case imageFolder = "image-folder"
  case tarShards = "webdataset"
  case synthetic
}

/// What is subtracted from each pixel, in units of pixel/255.
package enum MeanChoice: Hashable, Sendable {
  /// Per channel where images are taken as they are, else ImageNet's mean colour.
  case automatic
  /// The training images' mean image (He et al. 2015, §4.2).
  case perPixel
  /// The training images' mean colour.
  case perChannel
  /// The mean image in a file of `data statistics`, and its deviation where that would be the training
  /// images'.
  case file(String)
  case none
  case values([Float])
}

/// What each channel is divided by, in units of pixel/255.
package enum DeviationChoice: Hashable, Sendable {
  /// Per channel where images are taken as they are, else ImageNet's.
  case automatic
  /// The training images' standard deviation.
  case perChannel
  case none
  case values([Float])
}

extension ConfigurationError: UsageError {}
extension AccumulationError: UsageError {}
