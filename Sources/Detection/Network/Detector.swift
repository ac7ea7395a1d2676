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
    /// With losses.
    ///
    /// - Parameter objects: of an image, at most.
    case training(objects: Int)
    /// Outputs are the regions' scores, their offsets, and the regions.
    case test
    /// The same of regions that the targets give.
    case testOfGivenRegions
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
    places[map] = builder.append(
      "roi_heads.box_roi_pool",
      RegionPooling(method: settings.pooling, side: settings.pooledSide, stride: Self.stride),
      features, proposals.regions)
    let last = classifier.scores.inputs[0]
    for index in stage...last { copy(index) }
    let pooled = places[last]!
    let scores = builder.append(
      "roi_heads.box_predictor.cls_score",
      FullyConnectedOperation(outputs: classes + 1, deviation: 0.01), pooled)
    let offsets = builder.append(
      "roi_heads.box_predictor.bbox_pred",
      FullyConnectedOperation(outputs: 4 * (classes + 1), deviation: 0.001), pooled)
    if case .training(let objects) = form {
      let target = ObjectTargets.layout(capacity: objects)
      _ = builder.append(
        "rpn.loss",
        ProposalLoss(
          anchors: settings.anchors, matching: settings.anchorMatching,
          sampling: settings.anchorSampling, beta: settings.anchorBeta,
          dropsCrossing: settings.dropsCrossingAnchors, target: target),
        proposals.scores, proposals.offsets, builder.input)
      _ = builder.append(
        "roi_heads.loss",
        RegionLoss(
          regions: settings.regionSampling.count, beta: settings.regionBeta, target: target),
        scores, offsets, proposals.regions)
    }
    var architecture = builder.architecture(
      name: name, summary: "Faster R-CNN, C4, on \(classifier.summary)", stride: classifier.stride,
      outputs: [scores, offsets, proposals.regions])
    architecture.frozen = frozen(architecture)
    return architecture
  }

  /// The losses of the training form come in this order.
  package static let losses = (proposals: 0, regions: 1)

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
    let sampling: RegionProposal.Sampling? =
      if case .training(let objects) = form {
        .init(
          matching: settings.regionMatching, rule: settings.regionSampling,
          coder: settings.regionCoder, target: ObjectTargets.layout(capacity: objects))
      } else {
        nil
      }
    let regions = builder.append(
      "rpn.proposals",
      RegionProposal(
        anchors: settings.anchors,
        limits: sampling == nil ? settings.testLimits : settings.trainingLimits,
        sampling: sampling, given: form == .testOfGivenRegions ? givenRegions : nil), scores,
      offsets,
      builder.input)
    return (scores, offsets, regions)
  }

  /// The targets of `Form.testOfGivenRegions`.
  var givenRegions: TargetLayout { ObjectTargets.layout(capacity: settings.testLimits.after) }

  /// BN everywhere, and the first stages.
  private func frozen(_ architecture: Architecture) -> Set<String> {
    let stages = ["conv1"] + (1...3).map { "layer\($0)." }
    let first = stages.prefix(settings.frozenStages)
    return Set(
      architecture.nodes.filter { node in
        node.operation is BatchNormalizationOperation || first.contains { node.name.hasPrefix($0) }
      }.map(\.name))
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
