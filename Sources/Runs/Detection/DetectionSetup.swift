/// What a detection run is made of before anything is built: settings, data and detector, the same on all
/// ranks.

import Console
import Datasets
import Detection
import DetectionData
import Distributed
import Networks
import Optimizers
import Settings
import Tensors

/// A checked run: nothing has been written, and no large memory taken.
struct DetectionSetup {
  /// With what the data and the network decide filled in.
  let configuration: TrainingConfiguration
  let data: DetectionSplits
  /// Of training.
  let images: ImageIdentity
  let detector: Detector
  let normalization: Normalization
  /// Of a micro-batch: one image a shard.
  let layout: ShardLayout
  let timeline: TrainingTimeline
  let engineOptions: TrainingEngine.Options
  /// Of this rank.
  let memory: MemoryNeed

  /// Opens the data and checks the settings. Collective.
  ///
  /// - Parameters:
  ///   - requested: the same on every rank.
  ///   - resume: a run folder or a checkpoint in one.
  /// - Throws: `CollectiveFailure`.
  init(_ requested: TrainingConfiguration, resume: String?, ranks: ProcessGroup) throws {
    try ranks.agree(on: requested, resume: resume)
    let data = try ranks.together {
      try requested.checkTraining(isResumed: resume != nil)
      try requested.checkAnchorThresholds()
      return try DetectionSplits(requested)
    }
    images = ImageIdentity(data.train)
    try ranks.agree(on: "training", images)
    try ranks.agree(on: "test", ImageIdentity(data.test))
    try data.train.checkSizes(
      requested.data.decoding, badImages: requested.data.badImages, ranks: ranks)
    try data.test.checkSizes(requested.data.decoding, ranks: ranks)
    var configuration = requested.withImagesAsShards
    if configuration.network.model == NetworkSettings.automatic {
      configuration.network.model = Self.usualBackbone
    }
    let (detector, normalization) = try ranks.together { [configuration] in
      (
        try configuration.detector(classes: data.train.classes.count),
        try configuration.detectionNormalization(weights: resume ?? configuration.network.weights)
      )
    }
    layout = try ranks.together { [configuration] in
      try configuration.checkRates()
      return try configuration.divisionOfImages(on: ranks).layout
    }
    configuration.network.stridePlacement =
      detector.architecture(.test, input: configuration.detectionScale.largest).stride
    (self.configuration, self.data, self.detector) = (configuration, data, detector)
    self.normalization = normalization
    timeline = TrainingTimeline(configuration, images: data.train.images.count)
    var options = TrainingEngine.Options(configuration, threads: 1)
    options.heads = WeightsFile.detectorPrefixes
    engineOptions = options
    var memory = Self.memory(
      detector.architecture(Self.form(configuration, data), input: configuration.largestImage),
      layout, engineOptions, hasAverage: configuration.optimizer.averageDecay != nil,
      isFirst: ranks.isFirst)
    if configuration.detection.proposalsFrom != nil {
      let other = ProposalNetwork.memory(detector, largest: configuration.largestImage)
      memory.activations += other.activations
      memory.parameters += other.parameters
    }
    self.memory = memory
    try ranks.checkMemory(
      memory, remedy: "a smaller --min-size and --max-size, or fewer --box-batch-size-per-image")
  }

  private static let usualBackbone = "resnet50"

  private static func memory(
    _ architecture: Architecture, _ layout: ShardLayout, _ options: TrainingEngine.Options,
    hasAverage: Bool, isFirst: Bool
  ) -> MemoryNeed {
    var need = MemoryNeed(
      architecture, training: .oneImage, evaluation: .oneImage, threads: 1)
    let parameters = ParameterLayout(architecture)
    let extent = GradientExtent(parameters)
    need.parameters += Optimizer.bytes(options.optimizer, parameters: parameters.trainedCount)
    need.parameters += SharedGradientMemory.bytes(ofRank: layout.rank, layout, extent)
    need.parameters += ImageByImagePasses.bytes(layout, weights: extent.weights)
    if options.microBatches > 1 {
      need.parameters += PartialSums<Float>.bytes(
        parts: options.microBatches, count: extent.weights)
    }
    if hasAverage { need.parameters += WeightAverage.bytes(parameters) }
    if isFirst {
      need.parameters += StateSnapshot.bytes(
        parameters, options.optimizer, hasAverage: hasAverage)
    }
    need.images = 2 * architecture.input.count * MemoryLayout<Float>.stride
    return need
  }

  /// What the run's files and logs say of it.
  var description: RunDescription {
    RunDescription(
      configuration: configuration, derivedConfiguration: configuration, model: detector.name,
      dataset: data.train.form.rawValue, threads: 1, timeline: timeline,
      evaluationSplit: .validation)
  }

  /// What is worth a line before the run, beside the data sets' own notes.
  var notes: [String] {
    var notes: [String] = []
    let keepsDifficult = configuration.detection.difficult == .keep
    let hasObjects = data.train.images.contains { image in
      image.objects.contains { !$0.isCrowd && (keepsDifficult || !$0.isDifficult) }
    }
    if !hasObjects {
      notes.append(
        "note: no training image has an object that is trained: the detector learns background alone"
      )
    }
    if data.train.images.map(\.path) == data.test.images.map(\.path) {
      notes.append(
        "note: epochs are evaluated on the training images; --val-set or --val-data names others"
      )
    }
    return notes
  }

  /// The training form for images of a size.
  func architecture(_ input: ImageShape) -> Architecture {
    detector.architecture(Self.form(configuration, data), input: input)
  }

  private static func form(
    _ configuration: TrainingConfiguration, _ data: DetectionSplits
  ) -> Detector.Form {
    .training(
      objects: data.train.largestObjectCount,
      givenRegions: configuration.detection.proposalsFrom == nil
        ? 0 : configuration.detection.detectorSettings.trainingLimits.after)
  }

  /// This rank's images after some steps.
  ///
  /// - Parameter proposals: another network's; nil: the network that is trained proposes regions.
  func loader(afterSteps step: Int, proposals: ProposalFinder?) -> DetectionLoader {
    let sides = configuration.detection.trainingSides
    let scales = sides.map {
      ImageScale(shortSide: $0, longSide: configuration.detection.longSide)
    }
    return DetectionLoader(
      data.train, images(of: data.train),
      settings: .init(
        seed: configuration.run.seed,
        scales: scales.isEmpty ? [configuration.detectionScale] : scales,
        flips: configuration.augmentation.flip,
        difficult: configuration.detection.difficult == .keep,
        capacity: data.train.largestObjectCount,
        microBatches: configuration.parallel.accumulate,
        badImages: configuration.data.badImages), proposals: proposals, layout: layout,
      afterSteps: step)
  }

  /// The network whose proposals are trained with, where that is another one. Collective.
  ///
  /// - Throws: `CollectiveFailure`.
  func proposalNetwork(_ ranks: ProcessGroup) throws -> ProposalNetwork? {
    try configuration.detection.proposalsFrom.map { path in
      let network = ProposalNetwork(detector, largest: configuration.largestImage)
      try ranks.onFirst { try network.load(path) }
      try network.replica.broadcast(ranks)
      return network
    }
  }

  /// Whether regions are trained with the proposals of the weights that the run starts from.
  var needsTrainedProposals: Bool {
    !detector.settings.training.includesProposals && configuration.detection.proposalsFrom == nil
  }

  /// What epochs are evaluated by: objects, or proposals where nothing else is trained.
  ///
  /// - Parameter proposals: another network's.
  func evaluatedPart(_ replica: Replica, proposals: ProposalFinder?) -> EvaluatedPart {
    if detector.settings.training.includesRegions {
      return .objects(
        ObjectFinder(
          detector, rule: configuration.detection.rule, parameters: replica, proposals: proposals))
    }
    return .proposals(
      ProposalFinder(detector, limits: detector.settings.testLimits, parameters: replica))
  }

  func images(of dataset: DetectionDataset) -> DetectionImages {
    DetectionImages(dataset, configuration, normalization: normalization)
  }
}

/// The images of a run.
struct DetectionSplits {
  let train: DetectionDataset
  /// What epochs are evaluated on.
  let test: DetectionDataset

  /// - Throws: what `DetectionDataset.open` throws, and `DetectionFolderMissing`.
  init(_ configuration: TrainingConfiguration) throws {
    guard let folder = configuration.data.directory else { throw DetectionFolderMissing() }
    let settings = configuration.detection
    var options = DetectionDataset.Options()
    options.strict = settings.isStrict
    options.imageSet = settings.trainingSet
    options.mergesNames = true
    var train = try DetectionDataset.open(folder, .train, options: options)
    options.classes = train.classes
    options.imageSet = settings.testSet
    var test = try DetectionDataset.open(
      configuration.data.testDirectory ?? folder, .validation, options: options)
    if let limit = configuration.data.trainLimit { train = train.subset(first: limit) }
    if let limit = configuration.data.testLimit { test = test.subset(first: limit) }
    (self.train, self.test) = (train, test)
  }
}

/// A detection command without data.
struct DetectionFolderMissing: UsageError, CustomStringConvertible {
  var description: String {
    "--data-dir is missing: give the folder of a VOC data set (Annotations, ImageSets, JPEGImages) or of a "
      + "COCO one (annotations/*.json and folders of images)"
  }
}

extension TrainingConfiguration {
  /// Checks that there are proposals to train with.
  ///
  /// - Throws: `ProposalNetworkError`.
  func checkTraining(isResumed: Bool) throws(ProposalNetworkError) {
    switch detection.network.training {
    case .joint, .fourSteps, .proposals:
      if detection.proposalsFrom != nil { throw .notTaken }
    case .regions:
      if detection.proposalsFrom == nil, network.weights == nil, !isResumed { throw .untrained }
    }
  }

  /// - Throws: `AnchorThresholdError` where an anchor could be foreground and background.
  func checkAnchorThresholds() throws(AnchorThresholdError) {
    let matching = detection.network.anchorMatching
    if matching.background > matching.foreground {
      throw AnchorThresholdError(
        foreground: matching.foreground, background: matching.background)
    }
  }

  /// The division of a micro-batch over ranks, an image a shard. Collective.
  ///
  /// - Throws: `TooManyRanks`, and as `division(on:threads:)`.
  func divisionOfImages(on ranks: ProcessGroup) throws -> NormalizationGroups {
    do {
      return try withImagesAsShards.division(on: ranks, threads: 1)
    } catch ShardLayoutError.moreRanksThanShards(let count, let images) {
      throw TooManyRanks(
        ranks: count, images: images, microBatches: parallel.accumulate,
        training: detection.network.training)
    }
  }

  /// The same with an image a shard, so that nothing depends on the images beside it.
  var withImagesAsShards: TrainingConfiguration {
    var configuration = self
    configuration.parallel.shards = parallel.batchSize
    return configuration
  }

  /// How images are resized in tests.
  var detectionScale: ImageScale {
    ImageScale(shortSide: detection.shortSide, longSide: detection.longSide)
  }

  /// The sizes in which tests look at regions, ascending; empty: that of `detectionScale`.
  var detectionTestScales: [ImageScale] {
    detection.testSides.sorted().map { side in
      let longSide = Double(detection.longSide) / Double(detection.shortSide) * Double(side)
      return ImageScale(shortSide: side, longSide: Int(longSide.rounded()))
    }
  }

  /// The largest image of training and tests.
  var largestImage: ImageShape {
    let side = (detection.trainingSides + [detection.shortSide]).max()!
    return ImageScale(shortSide: side, longSide: detection.longSide).largest
  }

  /// - Throws: `DetectorError`, `ModelError`.
  func detector(classes: Int) throws -> Detector {
    try Detector(
      backbone: network.model, bottleneckStride: network.stridePlacement, classes: classes,
      settings: detection.detectorSettings, precision: network.precision)
  }

  /// By the mean colour that the settings give, else that of the weights, else ImageNet's.
  ///
  /// - Parameter weights: a run, a checkpoint or a file; nil: there are none.
  /// - Throws: `DetectionNormalizationError`, and what reading weights throws.
  func detectionNormalization(weights: String?) throws -> Normalization {
    let shape = ImageShape(height: 1, width: 1, channels: 3)
    var known: Normalization?
    if let weights {
      known = try WeightsFile(weights).preprocessing.flatMap {
        Preprocessing.normalization($0, shape: shape)
      }
    }
    var mean = Preprocessing.imageNetMean
    if case .perChannel(let values) = known?.mean { mean = values }
    var deviation = known?.deviation ?? Preprocessing.imageNetDeviation
    switch data.mean {
    case .automatic: break
    case .values(let values): mean = values
    case .none: mean = [0, 0, 0]
    case .perPixel, .perChannel, .file: throw DetectionNormalizationError()
    }
    switch data.deviation {
    case .automatic: break
    case .values(let values): deviation = values
    case .none: deviation = [1, 1, 1]
    case .perChannel: throw DetectionNormalizationError()
    }
    return Normalization(mean: .perChannel(mean), deviation: deviation)
  }
}

/// The overlaps that tell anchors apart are in the wrong order.
struct AnchorThresholdError: UsageError, CustomStringConvertible {
  let foreground: Float
  let background: Float

  var description: String {
    "--rpn-bg-iou-thresh \(background) is above --rpn-fg-iou-thresh \(foreground): an anchor between the "
      + "two would be foreground and background; give at most \(foreground)"
  }
}

/// Some ranks would have no image.
struct TooManyRanks: UsageError, CustomStringConvertible {
  let ranks: Int
  /// Of a micro-batch.
  let images: Int
  let microBatches: Int
  let training: DetectorTraining

  var description: String {
    let steps =
      switch training {
      case .joint, .proposals: ""
      case .fourSteps, .regions: " (--fast-rcnn-batch-size for steps 2 and 4)"
      }
    return
      "\(ranks) ranks cannot share a \(microBatches == 1 ? "mini" : "micro")-batch of \(images) "
      + "\(images == 1 ? "image" : "images"): use --batch-size "
      + "\(ranks * microBatches) or more\(steps), or start at most \(images) \(images == 1 ? "rank" : "ranks")"
  }
}

/// Images of different sizes have no mean image.
struct DetectionNormalizationError: UsageError, CustomStringConvertible {
  var description: String {
    "a detector is for images of any size: give --mean and --std as R,G,B, none or auto"
  }
}

extension DetectionSetup {
  /// The time that a test of an image takes, over that of training it: a forward pass without a backward one, over
  /// other numbers of regions, which are most of the work.
  var evaluationShare: Double {
    let settings = detector.settings
    let regions = Double(settings.testLimits.after) / Double(settings.regionSampling.count)
    return regions * EvaluationEstimate.classifierShare
      * (configuration.detection.rule.refines ? 2 : 1)
  }
}
