/// What a detector is made of, and its bits.

import Detection
import Networks
import Optimizers
import Tensors
import TestSupport
import Testing

@Suite struct DetectorTests {
  private static func architecture(
    _ backbone: String, _ change: (inout Detector.Settings) -> Void = { _ in }
  ) throws -> Architecture {
    var settings = Detector.Settings()
    change(&settings)
    return try Detector(backbone: backbone, classes: 20, settings: settings)
      .architecture(.training(objects: 4), input: ImageShape(height: 64, width: 96, channels: 3))
  }

  @Test(
    "any ImageNet network is a backbone, and its parameters keep their names",
    arguments: ["resnet18", "resnet50", "resnext50_32x4d", "seresnet18", "plain18"])
  func backbones(name: String) throws {
    let shapes = ParameterLayout(try Self.architecture(name)).stateShapes
    let input = ImageShape(height: 64, width: 96, channels: 3)
    let classifier = ParameterLayout(
      try ModelCatalog.architecture(named: name, classes: 5, input: input)
    ).stateShapes
    for (name, shape) in classifier where !name.hasPrefix("fc.") {
      #expect(shapes[name] == shape, "\(name)")
    }
    let own = Set(shapes.keys).subtracting(classifier.keys)
    #expect(
      own == [
        "rpn.head.conv.weight", "rpn.head.conv.bias", "rpn.head.cls_logits.weight",
        "rpn.head.cls_logits.bias", "rpn.head.bbox_pred.weight", "rpn.head.bbox_pred.bias",
        "roi_heads.box_predictor.cls_score.weight", "roi_heads.box_predictor.cls_score.bias",
        "roi_heads.box_predictor.bbox_pred.weight", "roi_heads.box_predictor.bbox_pred.bias",
      ])
    #expect(shapes["rpn.head.cls_logits.weight"] == [15, 512, 1, 1])
    #expect(shapes["roi_heads.box_predictor.bbox_pred.bias"] == [84])
  }

  @Test("networks for small images are no backbones")
  func smallNetworks() {
    for name in ["resnet20", "resnext29_8x64d"] {
      #expect(throws: DetectorError.noStages(name: name)) {
        try Detector(backbone: name, classes: 3)
      }
    }
    #expect(throws: ModelError.self) { try Detector(backbone: "resnet5000000", classes: 3) }
  }

  @Test("BN is fixed everywhere, and as many stages as are asked for")
  func frozen() throws {
    func trained(_ stages: Int) throws -> [String] {
      let architecture = try Self.architecture("resnet18") { $0.frozenStages = stages }
      let layers = Set(ParameterLayout(architecture).slots.filter { !$0.isFrozen }.map(\.layer))
      return [
        "conv1", "bn1", "layer1.0.conv1", "layer2.0.conv1", "layer3.0.bn1", "layer3.1.conv2",
        "layer4.0.conv1",
      ]
      .filter(layers.contains)
    }
    #expect(try trained(0).first == "conv1")
    #expect(try trained(1).first == "layer1.0.conv1")
    #expect(try trained(2) == ["layer2.0.conv1", "layer3.1.conv2", "layer4.0.conv1"])
    #expect(try trained(4) == ["layer4.0.conv1"])
  }

  @Test(
    "each part trains its own layers and those that both share, which may be fixed",
    arguments: [DetectorTraining.proposals, .regions])
  func parts(training: DetectorTraining) throws {
    func trained(_ stages: Int) throws -> Set<String> {
      let architecture = try Self.architecture("resnet18") {
        ($0.training, $0.frozenStages) = (training, stages)
      }
      return Set(
        ParameterLayout(architecture).slots.filter { !$0.isFrozen }.map { slot in
          slot.layer.split(separator: ".").first.map(String.init) ?? ""
        })
    }
    let own: Set<String> = training == .proposals ? ["rpn"] : ["layer4", "roi_heads"]
    #expect(try trained(2) == own.union(["layer2", "layer3"]))
    #expect(try trained(4) == own)
  }
}
