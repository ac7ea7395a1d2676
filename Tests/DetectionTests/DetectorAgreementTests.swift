/// Agreement with a detector in PyTorch: `Oracles/detection/make_detector_fixture.py`.

import Detection
import Foundation
import Networks
import Safetensors
import Tensors
import TestSupport
import Testing

@Suite struct DetectorAgreementTests {
  private static let sizes = [(96, 80), (80, 112)]
  private static let classes = 3

  private static func fixture() throws -> SafetensorsFile {
    try SafetensorsFile(contentsOf: Bundle.module.resourcePath! + "/Fixtures/detector.safetensors")
  }

  private static func detector(
    _ training: DetectorTraining = .joint, usesContext: Bool = false,
    precision: Precision = .fp32
  ) throws -> Detector {
    var settings = Detector.Settings()
    settings.usesContext = usesContext
    settings.anchors = AnchorGrid(sizes: [16, 32, 64], ratios: [0.5, 1, 2], stride: 16)
    settings.proposalChannels = 32
    settings.regionSampling.count = 512
    (settings.trainingLimits.before, settings.trainingLimits.after) = (200, 40)
    (settings.testLimits.before, settings.testLimits.after) = (200, 40)
    settings.training = training
    return try Detector(
      backbone: "resnet18", classes: classes, settings: settings, precision: precision)
  }

  private static func shape(_ image: Int) -> ImageShape {
    ImageShape(height: sizes[image].0, width: sizes[image].1, channels: 3)
  }

  /// The fixture's weights, as its docstring describes them.
  private static func load(_ replica: Replica) throws {
    try replica.load(
      stateDictionary: replica.parameterLayout.stateShapes.map { name, shape in
        let isFilter = name == "rpn.head.cls_logits.weight" || name == "rpn.head.bbox_pred.weight"
        var values = fixtureStateTensor(name, shape: isFilter ? Array(shape.prefix(2)) : shape)
        if name.contains("cls_score") || name.contains("bbox_pred") {
          values = values.map { $0 / 4 }
        }
        return StateTensor(name: name, shape: shape, values: values)
      })
  }

  /// In the test form, for the first image.
  private static func replica(_ detector: Detector) throws -> Replica {
    let replica = Replica(
      detector.architecture(.test, input: shape(0)), evaluation: .oneImage,
      exchange: SingleRankExchange())
    try load(replica)
    return replica
  }

  private static func objects(_ file: SafetensorsFile, _ image: Int) throws -> [TargetObject] {
    let rows = try file.float32("objects.\(image)")
    return (0..<rows.count / 6).map { index -> TargetObject in
      let row = Array(rows[6 * index..<6 * index + 6])
      let box = SIMD4<Float>(row[0], row[1], row[2], row[3])
      return TargetObject(box: box, label: Int(row[4]), isCrowd: row[5] == 1)
    }
  }

  /// Calls `body` with each image and its targets.
  ///
  /// - Parameters:
  ///   - capacity: regions that the targets have room for.
  ///   - regions: of an image.
  private static func forEachImage(
    _ file: SafetensorsFile, capacity: Int = 0,
    regions: (ImageTensor) throws -> [SIMD4<Float>] = { _ in [] },
    _ body: (_ image: Int, _ pixels: ImageTensor, _ targets: Targets) throws -> Void
  ) throws {
    for image in sizes.indices {
      var pixels = try file.float32("image.\(image)")
      var target = [Float](
        repeating: 0, count: ObjectTargets.layout(capacity: 3, regions: capacity).count)
      let key = SamplingKey(seed: 1, step: 0, position: image)
      let given = try pixels.withUnsafeMutableBufferPointer {
        try regions(ImageTensor(base: $0.baseAddress!, images: 1, shape: shape(image)))
      }
      try target.withUnsafeMutableBufferPointer { target in
        ObjectTargets(key: key, objects: try objects(file, image), regions: given)
          .write(to: MutableVectorView(target))
      }
      try pixels.withUnsafeMutableBufferPointer { pixels in
        try target.withUnsafeBytes { bytes in
          try body(
            image,
            ImageTensor(base: pixels.baseAddress!, images: 1, shape: shape(image)),
            Targets([VectorView(bytes.assumingMemoryBound(to: UInt8.self))]))
        }
      }
    }
  }

  @Test("anchors are torchvision's")
  func anchors() throws {
    let file = try Self.fixture()
    func rows(_ name: String) throws -> [SIMD4<Float>] {
      let values = try file.float32(name)
      return (0..<values.count / 4).map { index -> SIMD4<Float> in
        let row = Array(values[4 * index..<4 * index + 4])
        return SIMD4<Float>(row[0], row[1], row[2], row[3])
      }
    }
    let grid = Detector.Settings().anchors
    let (base, all) = (try rows("base_anchors"), try rows("anchors"))
    #expect(grid.base == base)
    #expect(grid.anchors(of: ImageShape(height: 6, width: 5, channels: 1)) == all)
  }

  @Test("anchors are matched with PyTorch's objects")
  func matches() throws {
    let file = try Self.fixture()
    let detector = try Self.detector()
    for image in Self.sizes.indices {
      let map = ImageShape(
        height: Self.sizes[image].0 / 16, width: Self.sizes[image].1 / 16, channels: 1)
      let found = detector.settings.anchorMatching.matches(
        detector.settings.anchors.anchors(of: map), try Self.objects(file, image))
      let expected = try file.int64("anchors.matches.\(image)")
      #expect(found.map { Int64($0) } == expected)
    }
  }

  /// Passes over two images with the fixture's weights.
  private static func passes(_ detector: Detector, _ form: Detector.Form) throws
    -> ImageByImagePasses
  {
    let extent = GradientExtent(
      ParameterLayout(detector.architecture(form, input: shape(0))))
    let passes = ImageByImagePasses(
      { detector.architecture(form, input: $0) },
      largest: ImageShape(height: 96, width: 112, channels: 3),
      layout: try ShardLayout(batch: 2, shards: 2), exchange: SingleRankExchange(),
      gradients: PrivateGradientMemory(extent, nodes: 1), observers: [],
      reduction: Nobody())
    try load(passes.replica)
    passes.replica.gradients.update(repeating: .nan)
    return passes
  }

  @Test(
    "losses and all gradients of images of different sizes are PyTorch's",
    arguments: [false, true])
  func gradients(usesContext: Bool) throws {
    let file = try Self.fixture()
    let detector = try Self.detector(usesContext: usesContext)
    let prefix = usesContext ? "context." : ""
    // PyTorch in Float32 is 9e-6 off its own Float64, and with context 1.1e-5.
    let tolerance = usesContext ? 2e-5 : 1e-5
    let form = Detector.Form.training(objects: 3)
    let passes = try Self.passes(detector, form)
    try Self.forEachImage(file) { image, pixels, targets in
      try passes.trainingPass(
        localShard: image, image: pixels, targets: targets, microBatch: .whole, didForward: {})
    }
    let offsets = detector.architecture(form, input: Self.shape(0)).lossSumsOffsets
    let proposalLoss = try #require(detector.losses.proposals)
    let regionLoss = try #require(detector.losses.regions)
    let width = passes.sums.count / 2
    let expected = try file.float32("\(prefix)image_losses")
    for image in 0..<2 {
      let sums = LossSums(passes.sums.row(image, width: width))
      let parts = [
        sums.from(offsets[proposalLoss])[2], sums.from(offsets[proposalLoss])[3],
        sums.from(offsets[regionLoss])[2], sums.from(offsets[regionLoss])[3],
      ]
      // The fixture's are parts of the mean over the two images.
      #expect(
        relativeError(parts.map { $0 / 2 }, expected[4 * image..<4 * image + 4].map(Double.init))
          < 1e-5, "\(image)")
    }
    var checked = 0
    for gradient in passes.replica.gradientDictionary() {
      let reference = try file.float32("\(prefix)gradient.\(gradient.name)").map(Double.init)
      let values = gradient.values.map(Double.init)
      let norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let count = values.count
      let product = zip(values, fixtureUniform(gradient.name, count: count)).reduce(0.0) {
        $0 + $1.0 * Double($1.1)
      }
      let own =
        [norm, values.reduce(0, +), product] + (0..<8).map { values[$0 * (count - 1) / 7] }
      #expect(
        relativeError(own, reference, scale: reference[0]) < tolerance, "\(gradient.name)")
      if count <= 2048, !usesContext {
        let whole = try file.float32("gradient_values.\(gradient.name)")
        #expect(normwiseError(gradient.values, whole) < 1e-5, "\(gradient.name)")
      }
      checked += 1
    }
    #expect(checked == 25, "\(checked) parameters")
  }

  @Test("detections are PyTorch's")
  func detections() throws {
    let file = try Self.fixture()
    let detector = try Self.detector()
    let replica = try Self.replica(detector)
    let finder = ObjectFinder(detector, rule: DetectionRule(), parameters: replica)
    let expected = try file.float32("detections")
    try Self.forEachImage(file) { image, pixels, _ in
      if image > 0 { return }
      let found = try finder.objects(in: pixels)
      #expect(found.count == expected.count / 6)
      for (index, object) in found.enumerated() {
        let row = Array(expected[6 * index..<6 * index + 6])
        #expect(
          normwiseError((0..<4).map { object.box[$0] }, Array(row[..<4])) < 1e-4, "\(index)")
        #expect(object.label == Int(row[4]), "\(index)")
        #expect(abs(object.score - row[5]) < 1e-4, "\(index)")
      }
    }
  }
}

extension DetectorAgreementTests {
  @Test("scores beside features of the whole image are PyTorch's")
  func context() throws {
    let file = try Self.fixture()
    let detector = try Self.detector(usesContext: true)
    let replica = try Self.replica(detector)
    try Self.forEachImage(file) { image, pixels, _ in
      if image > 0 { return }
      _ = try replica.scoringPass(images: pixels.base, batch: 1)
      for (output, name) in ["context.test.scores", "context.test.offsets"].enumerated() {
        let expected = try file.float32(name)
        let own = Array(replica.evaluationOutput(output).prefix(expected.count))
        #expect(normwiseError(own, expected) < 1e-5, "\(name)")
      }
    }
  }

  @Test("scores of regions in several sizes of an image are PyTorch's")
  func pyramid() throws {
    let file = try Self.fixture()
    let detector = try Self.detector()
    let replica = try Self.replica(detector)
    let finder = ProposalFinder(
      detector, limits: detector.settings.testLimits, parameters: replica)
    let regions = PyramidRegions(detector, parameters: replica)
    try Self.forEachImage(file) { image, pixels, _ in
      if image > 0 { return }
      let scales = [1, 2, 4].map { Self.repeated(pixels, $0) }
      defer { for scale in scales { scale.base.deallocate() } }
      let proposals = try finder.boxes(in: pixels)
      let known = try file.float32("proposals.0")
      #expect(
        normwiseError(proposals.flatMap { [$0[0], $0[1], $0[2], $0[3]] }, known) < 1e-5)
      let found = try regions.predictions(proposals, pixels.shape, scales)
      for (own, name) in [(found.scores, "pyramid.scores"), (found.offsets, "pyramid.offsets")] {
        let expected = try file.float32(name)
        #expect(own.count == expected.count)
        let values = Array(UnsafeBufferPointer(start: own.base, count: own.count))
        #expect(normwiseError(values, expected) < 1e-5, "\(name)")
      }
    }
  }

  /// An image with each pixel `times` × `times` times, in memory that the caller deallocates.
  private static func repeated(_ image: ImageTensor, _ times: Int) -> ImageTensor {
    let shape = ImageShape(
      height: image.shape.height * times, width: image.shape.width * times, channels: 3)
    let target = UnsafeMutablePointer<Float>.allocate(capacity: shape.count)
    for y in 0..<shape.height {
      for x in 0..<shape.width {
        let pixel = image.base + (y / times * image.shape.width + x / times) * 3
        (target + (y * shape.width + x) * 3).initialize(from: pixel, count: 3)
      }
    }
    return ImageTensor(base: target, images: 1, shape: shape)
  }

  @Test(
    "a region is looked at in the size where it has closest to 224² pixels, and in its neighbour")
  func neighbouringSizes() {
    let factors = [0.5, 1, 2].map { SIMD2<Float>(repeating: $0) }
    func sizes(_ side: Float) -> ClosedRange<Int> {
      PyramidRegions.scales(of: SIMD4(0, 0, side, side), factors)
    }
    #expect(sizes(40) == 1...2)
    #expect(sizes(200) == 0...1)
    #expect(sizes(900) == 0...1)
    #expect(PyramidRegions.scales(of: SIMD4(0, 0, 50, 50), [SIMD2(1, 1)]) == 0...0)
  }

  @Test(
    "regions that are given have the scores that they have as proposals, and refinement adds votes")
  func refinement() throws {
    let file = try Self.fixture()
    let detector = try Self.detector()
    let replica = try Self.replica(detector)
    let plain = ObjectFinder(detector, rule: DetectionRule(), parameters: replica)
    var rule = DetectionRule()
    rule.refines = true
    let refining = ObjectFinder(detector, rule: rule, parameters: replica)
    let given = ImageByImageTests(
      { detector.architecture(.testOfGivenRegions, input: $0) }, parameters: replica)
    let proposals = try file.float32("proposals.0")
    let scores = try file.float32("test.scores")
    var target = [Float](
      repeating: 0, count: detector.givenRegions.count)
    target.withUnsafeMutableBufferPointer { target in
      let regions = (0..<proposals.count / 4).map { index -> SIMD4<Float> in
        let row = Array(proposals[4 * index..<4 * index + 4])
        return SIMD4<Float>(row[0], row[1], row[2], row[3])
      }
      ObjectTargets(
        key: SamplingKey(seed: 0, step: 0, position: 0), objects: [], regions: regions
      ).write(to: MutableVectorView(target))
    }
    try Self.forEachImage(file) { image, pixels, _ in
      if image > 0 { return }
      try target.withUnsafeBytes { bytes in
        let own = try given.scoringPass(
          pixels, targets: Targets([VectorView(bytes.assumingMemoryBound(to: UInt8.self))]))
        let outputs = own.evaluationOutput(0)
        #expect(own.evaluationRows(0) == proposals.count / 4)
        #expect(normwiseError(Array(outputs.prefix(scores.count)), scores) < 1e-5)
      }
      let (before, after) = (try plain.objects(in: pixels), try refining.objects(in: pixels))
      #expect(after.count == rule.limit && before.count == rule.limit)
      #expect(after.map(\.box) != before.map(\.box))
      #expect(after.map(\.score) == after.map(\.score).sorted(by: >))
      for object in after {
        #expect(object.box[0] >= 0 && object.box[2] <= 80 && object.box[3] <= 96)
      }
    }
  }
}

extension DetectorAgreementTests {
  /// The gradients of two images, by name.
  private static func gradients(
    _ detector: Detector, _ file: SafetensorsFile, proposals: ProposalFinder? = nil
  ) throws -> [String: [Float]] {
    let capacity = proposals?.limit ?? 0
    let passes = try passes(detector, .training(objects: 3, givenRegions: capacity))
    try forEachImage(
      file, capacity: capacity, regions: { try proposals?.boxes(in: $0) ?? [] }
    ) { image, pixels, targets in
      try passes.trainingPass(
        localShard: image, image: pixels, targets: targets, microBatch: .whole, didForward: {})
    }
    return Dictionary(
      uniqueKeysWithValues: passes.replica.gradientDictionary().map { ($0.name, $0.values) })
  }

  @Test("a part's gradients are what its loss adds to those of both, which are PyTorch's")
  func parts() throws {
    let file = try Self.fixture()
    let joint = try Self.gradients(Self.detector(), file)
    let proposals = try Self.gradients(Self.detector(.proposals), file)
    let regions = try Self.gradients(Self.detector(.regions), file)
    func isProposals(_ name: String) -> Bool { name.hasPrefix("rpn.") }
    func isRegions(_ name: String) -> Bool {
      name.hasPrefix("layer4.") || name.hasPrefix("roi_heads.")
    }
    #expect(Set(proposals.keys) == Set(joint.keys.filter { !isRegions($0) }))
    #expect(Set(regions.keys) == Set(joint.keys.filter { !isProposals($0) }))
    for (name, both) in joint {
      if isProposals(name) {
        #expect(proposals[name] == both, "\(name)")
      } else if isRegions(name) {
        #expect(regions[name] == both, "\(name)")
      } else {
        let sum = zip(try #require(proposals[name]), try #require(regions[name])).map { $0 + $1 }
        #expect(normwiseError(sum, both) < 1e-5, "\(name)")
      }
    }
  }

  @Test(
    "proposals are PyTorch's, and regions trained on those of a like network have the same bits")
  func otherNetworksProposals() throws {
    let file = try Self.fixture()
    let detector = try Self.detector(.regions)
    let other = Replica(
      detector.architecture(
        .proposals(detector.settings.trainingLimits),
        input: ImageShape(height: 96, width: 112, channels: 3)),
      evaluation: .oneImage, exchange: SingleRankExchange())
    try Self.load(other)
    let tested = ProposalFinder(
      detector, limits: detector.settings.testLimits, parameters: other)
    let expected = try file.float32("proposals.0")
    try Self.forEachImage(file) { image, pixels, _ in
      if image > 0 { return }
      let boxes = try tested.boxes(in: pixels).flatMap { box in (0..<4).map { box[$0] } }
      #expect(boxes.count == expected.count && normwiseError(boxes, expected) < 1e-5)
    }
    let trained = ProposalFinder(
      detector, limits: detector.settings.trainingLimits, parameters: other)
    #expect(
      try Self.gradients(detector, file, proposals: trained)
        == Self.gradients(detector, file))
    // Other proposals make other gradients.
    other.parameters.update(repeating: 0.01)
    #expect(
      try Self.gradients(detector, file, proposals: trained)
        != Self.gradients(detector, file))
  }
}

extension DetectorAgreementTests {
  @Test(
    "an image without objects and regions has no gradient of what sees regions",
    arguments: [Precision.fp32, .bf16])
  func nothing(precision: Precision) throws {
    let file = try Self.fixture()
    let detector = try Self.detector(.regions, precision: precision)
    let passes = try Self.passes(detector, .training(objects: 3, givenRegions: 4))
    var target = [Float](
      repeating: 0, count: ObjectTargets.layout(capacity: 3, regions: 4).count)
    target.withUnsafeMutableBufferPointer {
      ObjectTargets(key: SamplingKey(seed: 1, step: 0, position: 0), objects: [])
        .write(to: MutableVectorView($0))
    }
    try Self.forEachImage(file) { image, pixels, _ in
      try target.withUnsafeBytes { bytes in
        try passes.trainingPass(
          localShard: image, image: pixels,
          targets: Targets([VectorView(bytes.assumingMemoryBound(to: UInt8.self))]),
          microBatch: .whole, didForward: {})
      }
    }
    for gradient in passes.replica.gradientDictionary() {
      #expect(gradient.values.allSatisfy { $0 == 0 }, "\(gradient.name)")
    }
  }
}

/// Hears of gradients, and does nothing with them.
private final class Nobody: PassObserver {}
