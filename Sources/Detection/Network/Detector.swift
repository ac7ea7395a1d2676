/// Faster R-CNN on a residual network (Ren et al. 2015; He et al. 2015, appendix A).

import Kernels
import Networks
import Tensors

/// A detector whose region proposal network and regions share the layers up to the fourth stage ("C4").
///
/// The stem and the stages `layer1` to `layer3` see the whole image and make a map of stride 16; regions of that map go through
/// `layer4`, a mean over their positions, and two sibling layers. BN is fixed everywhere. Parameters
/// carry torchvision's names.
package struct Detector: Hashable, Sendable {
  /// What all forms of a detector have in common.
  package struct Settings: Hashable, Sendable {
    package var anchors = AnchorGrid(
      sizes: [32, 64, 128, 256, 512], ratios: [0.5, 1, 2], stride: Detector.stride)
    /// Channels of the proposal network's 3×3 convolution.
    package var proposalChannels = 512
    package var pooling = RegionPooling.Method.align
    package var pooledSide = 14
    /// Whether features of the whole image are concatenated to those of each region (He et al. 2015, appendix B).
    package var usesContext = false
    /// Of anchors.
    package var anchorMatching = MatchingRule(foreground: 0.7, background: 0.3, keepsBest: true)
    package var anchorSampling = SamplingRule(count: 256, foregroundShare: 0.5)
    package var dropsCrossingAnchors = false
    /// Of regions.
    package var regionMatching = MatchingRule(foreground: 0.5, background: 0.5, keepsBest: false)
    package var regionSampling = SamplingRule(count: 128, foregroundShare: 0.25)
    package var trainingLimits = RegionProposal.Limits(
      before: 12_000, after: 2_000, overlap: 0.7, leastSide: 1e-3)
    package var testLimits = RegionProposal.Limits(
      before: 6_000, after: 300, overlap: 0.7, leastSide: 1e-3)
    package var anchorBeta = 1.0 / 9
    package var regionBeta = 1.0
    /// Of the regions' offsets; those of anchors have none.
    package var regionCoder = BoxCoder(weights: SIMD4(10, 10, 5, 5))
    /// Stages whose layers are not trained, from the stem on: 0 trains all convolutions, 2 keeps the stem and `layer1`.
    package var frozenStages = 2
    package var training = DetectorTraining.joint

    package init() {}
  }

  /// Pixels of the input between neighbouring positions of the fourth stage's map.
  package static let stride = 16

  /// Of the catalog, such as `resnet50`.
  package let backbone: String
  /// Where bottleneck blocks have their stride; nil: torchvision's choice.
  package let bottleneckStride: BottleneckStride?
  /// Kinds of objects, without the background.
  package let classes: Int
  package let settings: Settings
  /// The numbers that it computes with.
  package let precision: Precision

  /// - Throws: `DetectorError`, `ModelError`.
  package init(
    backbone: String, bottleneckStride: BottleneckStride? = nil, classes: Int,
    settings: Settings = .init(), precision: Precision = .fp32
  ) throws {
    self.backbone = backbone
    self.bottleneckStride = bottleneckStride
    self.classes = classes
    self.settings = settings
    self.precision = precision
    guard ModelCatalog.isForImageNet(backbone) else {
      _ = try ModelCatalog.architecture(named: backbone, classes: 1)
      throw DetectorError.noStages(name: backbone)
    }
    _ = try classifier(ImageShape(height: 224, width: 224, channels: 3))
  }

  /// As users name it.
  package var name: String { "fasterrcnn_\(backbone)_c4" }

  /// What a pass is for.
  package enum Form: Hashable, Sendable {
    /// With the losses of what is trained.
    ///
    /// - Parameters:
    ///   - objects: of an image, at most.
    ///   - givenRegions: that the targets give, at most; 0: the network proposes regions.
    case training(objects: Int, givenRegions: Int = 0)
    /// Outputs are the regions' scores, their offsets, and the regions.
    case test
    /// The same of regions that the targets give.
    case testOfGivenRegions
    /// The output is the regions that the network proposes.
    case proposals(RegionProposal.Limits)
    /// The outputs are what `predictor` reads of regions that the targets give, and the regions.
    case featuresOfGivenRegions
  }

  /// The network for images of one size.
  ///
  /// - Precondition: both sides are at least `leastSide`.
  package func architecture(_ form: Form, input: ImageShape) -> Architecture {
    // Checked in the initializer.
    let classifier = try! classifier(input)
    var builder = ArchitectureBuilder(input: input, precision: precision)
    var places = [0: builder.input]
    func copy(_ index: Int) {
      let node = classifier.nodes[index]
      places[index] = builder.append(node.name, node.operation, node.inputs.map { places[$0]! })
    }
    let stage = classifier.nodes.firstIndex { $0.name.hasPrefix(Self.regionStage) }!
    for index in 1..<stage { copy(index) }
    let map = classifier.nodes[stage].inputs[0]
    let features = places[map]!
    let proposals = appendProposals(form, features, to: &builder)
    let pooled =
      settings.usesContext
      ? builder.append(
        "roi_heads.context_roi", ContextRegion(), proposals.regions, builder.input)
      : proposals.regions
    places[map] = builder.append(
      "roi_heads.box_roi_pool",
      RegionPooling(method: settings.pooling, side: settings.pooledSide, stride: Self.stride),
      features, pooled)
    let last = classifier.scores.inputs[0]
    for index in stage...last { copy(index) }
    let read =
      settings.usesContext
      ? builder.append(
        "roi_heads.context", ContextFeatures(), places[last]!, proposals.regions) : places[last]!
    let (scores, offsets) = appendPredictor(read, to: &builder)
    if let target = form.trainingTarget {
      if settings.training.includesProposals {
        _ = builder.append(
          "rpn.loss",
          ProposalLoss(
            anchors: settings.anchors, matching: settings.anchorMatching,
            sampling: settings.anchorSampling, beta: settings.anchorBeta,
            dropsCrossing: settings.dropsCrossingAnchors, target: target),
          proposals.scores, proposals.offsets, builder.input)
      }
      if settings.training.includesRegions {
        _ = builder.append(
          "roi_heads.loss",
          RegionLoss(
            regions: settings.regionSampling.count, beta: settings.regionBeta, target: target),
          scores, offsets, proposals.regions)
      }
    }
    // What neither an output nor a loss needs is not computed.
    let outputs =
      switch form {
      case .proposals: [proposals.regions]
      case .training where !settings.training.includesRegions:
        [proposals.scores, proposals.offsets]
      case .training, .test, .testOfGivenRegions: [scores, offsets, proposals.regions]
      case .featuresOfGivenRegions: [read, proposals.regions]
      }
    var architecture = builder.architecture(
      name: name, summary: "Faster R-CNN, C4, on \(classifier.summary)", stride: classifier.stride,
      outputs: outputs)
    architecture.frozen = frozen(architecture)
    return architecture
  }

  /// The two sibling layers, on images that are the features of regions.
  package var predictor: Architecture {
    var builder = ArchitectureBuilder(
      input: ImageShape(
        height: 1, width: 1, channels: featureCount * (settings.usesContext ? 2 : 1)),
      precision: precision)
    let (scores, offsets) = appendPredictor(builder.input, to: &builder)
    return builder.architecture(
      name: name, summary: "the last layers of \(name)", outputs: [scores, offsets])
  }

  /// Whether a predictor with this many inputs is that of a detector with global context.
  package func hasContext(featureCount: Int) -> Bool { featureCount == 2 * self.featureCount }

  /// Of a region, without those of the whole image.
  private var featureCount: Int {
    // Checked in the initializer.
    try! classifier(ImageShape(height: 224, width: 224, channels: 3)).features.channels
  }

  private func appendPredictor(
    _ features: ArchitectureBuilder.Value, to builder: inout ArchitectureBuilder
  ) -> (scores: ArchitectureBuilder.Value, offsets: ArchitectureBuilder.Value) {
    let scores = builder.append(
      "roi_heads.box_predictor.cls_score",
      FullyConnectedOperation(outputs: classes + 1, deviation: 0.01), features)
    let offsets = builder.append(
      "roi_heads.box_predictor.bbox_pred",
      FullyConnectedOperation(outputs: 4 * (classes + 1), deviation: 0.001), features)
    return (scores, offsets)
  }

  /// The places of the losses among those of the training form; nil: there is none.
  package var losses: (proposals: Int?, regions: Int?) {
    switch settings.training {
    case .joint, .fourSteps: (0, 1)
    case .proposals: (0, nil)
    case .regions: (nil, 0)
    }
  }

  /// The stage that sees regions.
  private static let regionStage = "layer4."

  /// The least side of an image, so that every stage has a map.
  package static let leastSide = 32

  private func classifier(_ input: ImageShape) throws(ModelError) -> Architecture {
    try ModelCatalog.architecture(
      named: backbone, stride: bottleneckStride, classes: 1, input: input)
  }

  /// The region proposal network.
  private func appendProposals(
    _ form: Form, _ features: ArchitectureBuilder.Value, to builder: inout ArchitectureBuilder
  ) -> (
    scores: ArchitectureBuilder.Value, offsets: ArchitectureBuilder.Value,
    regions: ArchitectureBuilder.Value
  ) {
    let deviation = 0.01
    let anchors = settings.anchors.countPerPosition
    var value = builder.append(
      "rpn.head.conv",
      ConvolutionOperation(
        channels: settings.proposalChannels, kernel: 3, stride: 1, padding: 1, groups: 1,
        deviation: deviation), features)
    value = builder.append("rpn.head.conv", ChannelBiasOperation(), value)
    value = builder.relu(value)
    let scores = builder.append(
      "rpn.head.cls_logits",
      FullyConnectedOperation(outputs: anchors, deviation: deviation, isFilter: true), value)
    let offsets = builder.append(
      "rpn.head.bbox_pred",
      FullyConnectedOperation(outputs: 4 * anchors, deviation: deviation, isFilter: true),
      value)
    let sampling = form.trainingTarget.map {
      RegionSampling(
        matching: settings.regionMatching, rule: settings.regionSampling,
        coder: settings.regionCoder, target: $0)
    }
    let name = "rpn.proposals"
    func proposed(_ limits: RegionProposal.Limits) -> ArchitectureBuilder.Value {
      builder.append(
        name, RegionProposal(anchors: settings.anchors, limits: limits, sampling: sampling),
        scores, offsets, builder.input)
    }
    let regions =
      switch form {
      case .training(_, let given) where given > 0:
        builder.append(
          name, GivenRegions(target: form.trainingTarget!, limit: given, sampling: sampling),
          builder.input)
      case .training: proposed(settings.trainingLimits)
      case .test: proposed(settings.testLimits)
      case .testOfGivenRegions, .featuresOfGivenRegions:
        builder.append(
          name,
          GivenRegions(target: givenRegions, limit: settings.testLimits.after, sampling: nil),
          builder.input)
      case .proposals(let limits): proposed(limits)
      }
    return (scores, offsets, regions)
  }

  /// The targets of `Form.testOfGivenRegions` and `Form.featuresOfGivenRegions`.
  package var givenRegions: TargetLayout {
    ObjectTargets.layout(capacity: 0, regions: settings.testLimits.after)
  }

  /// BN everywhere, the first stages, and what is not trained in this run.
  private func frozen(_ architecture: Architecture) -> Set<String> {
    let stages = ["conv1"] + (1...3).map { "layer\($0)." }
    let first = stages.prefix(settings.frozenStages)
    let parts =
      (settings.training.includesProposals ? [] : ["rpn."])
      + (settings.training.includesRegions ? [] : [Self.regionStage, "roi_heads."])
    return Set(
      architecture.nodes.filter { node in
        node.operation is BatchNormalizationOperation
          || (first + parts).contains { node.name.hasPrefix($0) }
      }.map(\.name))
  }
}

extension Detector.Form {
  /// The targets of a form with losses.
  fileprivate var trainingTarget: TargetLayout? {
    switch self {
    case .training(let objects, let regions):
      ObjectTargets.layout(capacity: objects, regions: regions)
    case .test, .testOfGivenRegions, .proposals, .featuresOfGivenRegions: nil
    }
  }
}

/// A detector that cannot be built.
package enum DetectorError: Error, Equatable, CustomStringConvertible {
  case noStages(name: String)

  package var description: String {
    switch self {
    case .noStages(let name):
      "'\(name)' is a network for small images, and a detector needs a map of stride 16: use an ImageNet "
        + "network, such as resnet18, resnet50 or resnext50_32x4d"
    }
  }
}
