/// Every value that decides a training run, with its default: what `config.yaml` holds.

import Distributed
import Networks

/// A resolved run. The coding keys are the command line's flags without the dashes, so a run's
/// `config.yaml` can be given back with `--config` and reads like the command that made it.
public struct TrainingConfiguration: Hashable, Sendable {
  // MARK: Network
  public var model = "resnet20"
  /// Nil: the model's own (A for the CIFAR networks, none for plain ones).
  public var shortcut: Shortcut?
  /// Where bottleneck blocks have their stride; nil: torchvision's choice, the 3×3 convolution.
  public var stridePlacement: BottleneckStride?
  /// Whether the last γ of each residual block begins as 0.
  public var zeroInitResidual = false
  /// The weights that training starts from; nil: He initialization.
  public var weights: String?

  // MARK: Data
  public var dataset = DatasetName.fashionMNIST
  /// Nil: the data set's usual place.
  public var dataDirectory: String?
  /// Where the test images are, if elsewhere: the value of `dataDirectory` for them.
  public var testDirectory: String?
  /// Use only the first so many training images; nil: all.
  public var trainLimit: Int?
  /// Use only the first so many test images; nil: all.
  public var testLimit: Int?
  public var mean = MeanChoice.automatic
  public var deviation = DeviationChoice.automatic
  /// Zeros added on each side before the random crop; 0 turns the crop off.
  public var cropPadding = 4
  /// Whether images are mirrored at random.
  public var flip = true
  /// How images become the network's input.
  public var images = ImageOptions()

  // MARK: Schedule
  /// The global mini-batch.
  public var batchSize = 128
  /// Parts of the mini-batch that are trained one after the other before an update.
  public var accumulate = 1
  /// Logical shards of the mini-batch; nil: see `shards(ranks:)`.
  public var shards: Int?
  /// Images of a BN group; nil: the whole mini-batch.
  public var normalizationGroup: Int?
  public var length = TrainingLength.epochs(5)
  /// After the warm-up, for a mini-batch of `learningRateReferenceBatch`.
  public var learningRate = 0.1
  /// The mini-batch that `learningRate` is for, from which it is scaled in proportion; nil: `batchSize`.
  public var learningRateReferenceBatch: Int?
  public var milestones = [Milestone.fraction(0.60), Milestone.fraction(0.85)]
  /// The factor at each milestone.
  public var gamma = 0.1
  /// Nil: no warm-up.
  public var warmUpLength: WarmUpLength?
  public var warmUpMethod = WarmUpMethod.linear
  /// The first rate of the warm-up; nil: `learningRate` where scaling raises it, else a tenth of the rate.
  public var warmUpRate: Double?
  public var optimizer = OptimizerName.sgd
  /// LARS's trust coefficient η, as in You et al. 2017, §5.
  public var larsTrust = 0.001
  public var momentum = 0.9
  public var weightDecay = 1e-4
  /// Weight decay of BN's scales and shifts; nil: the same as `weightDecay`.
  public var normalizationWeightDecay: Double?
  /// The part of the training loss's target that is spread evenly over the classes.
  public var labelSmoothing = 0.0
  public var seed: UInt64 = 1

  // MARK: Running
  /// Threads of each rank; nil: this machine's cores divided by its ranks.
  public var threads: Int?
  /// Threads of each rank that read and augment images.
  public var workers = 1
  public var reduction = ReductionChoice.tree
  /// Of what travels between hosts.
  public var gradientCompression = GradientCompression.none
  /// Megabytes (2²⁰ bytes) of gradients that are summed at a time.
  public var bucketMegabytes = 1.0
  /// Seconds without progress after which the job is ended; 0: never.
  public var stallTimeout = 300.0
  /// Where a Chrome trace of all ranks is written at the end; nil: nowhere.
  public var timeline: String?
  /// Nil: a new folder under `runs`.
  public var runDirectory: String?
  /// Iterations between checkpoints; nil: an epoch's.
  public var checkpointEvery: Int?
  /// Checkpoints that are kept; older ones are removed.
  public var keepCheckpoints = 3
  /// Epochs between evaluations on the test images.
  public var evaluateEvery = 1

  /// The logical shards of the whole mini-batch: 8 of each part, or as many as ranks where those are
  /// more, and enough for the BN groups.
  func shards(ranks: Int) -> Int {
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
  func partLayout(ranks: Int, rank: Int) throws -> ShardLayout {
    let shards = shards(ranks: ranks)
    guard batchSize % accumulate == 0, shards % accumulate == 0 else {
      throw AccumulationError(parts: accumulate, batch: batchSize, shards: shards)
    }
    return try ShardLayout(
      batch: batchSize / accumulate, shards: shards / accumulate, ranks: ranks, rank: rank)
  }

  var bucketBytes: Int { Int(bucketMegabytes * 1_048_576) }

  public init() {}

  /// The optimizer with its coefficients.
  var stepRule: Optimizer {
    switch optimizer {
    case .sgd: .sgd
    case .lars: .lars(trust: Float(larsTrust))
    }
  }
}

/// A mini-batch cannot be trained in so many parts.
public struct AccumulationError: Error, Equatable, CustomStringConvertible {
  public let parts: Int
  public let batch: Int
  public let shards: Int

  public var description: String {
    batch % parts == 0
      ? "\(shards) logical shards cannot be divided into \(parts) parts: use --shards with a multiple "
        + "of \(parts)"
      : "a mini-batch of \(batch) images cannot be divided into \(parts) parts: use an --accumulate "
        + "that divides it"
  }
}

/// The data sets that are built in.
public enum DatasetName: String, CaseIterable, Codable, Sendable {
  case fashionMNIST = "fashion-mnist"
  case cifar10
  case cifar100
  case imageFolder = "image-folder"
  case tarShards = "webdataset"
  case synthetic
}

/// How gradients become a step.
public enum OptimizerName: String, Sendable {
  case sgd
  case lars
}

/// How long to train.
public enum TrainingLength: Hashable, Sendable {
  case epochs(Int)
  case iterations(Int)
}

/// What is subtracted from each pixel, in units of pixel/255.
public enum MeanChoice: Hashable, Sendable {
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
public enum DeviationChoice: Hashable, Sendable {
  /// Per channel where images are taken as they are, else ImageNet's.
  case automatic
  /// The training images' standard deviation.
  case perChannel
  case none
  case values([Float])
}

extension ConfigurationError: UsageError {}
extension AccumulationError: UsageError {}
