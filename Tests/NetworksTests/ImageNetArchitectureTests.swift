/// The ImageNet networks and ResNeXts: published sizes, torchvision's names, maps and strides.

import Kernels
import Networks
import Tensors
import Testing

/// Parameters and multiply-adds of a network at its paper's image size, summed up layer by layer.
private func expectedCosts(
  blocks: [Int], bottleneck: Bool, shortcut: Shortcut? = .b, groups: Int = 1, width: Int = 64,
  stride: BottleneckStride = .middle3x3, smallImages: Bool = false, classes: Int = 1000
) -> (parameters: Int, multiplyAdds: Int) {
  var parameters = 0
  var multiplyAdds = 0
  func normalized(_ filter: Int, _ inputs: Int, _ outputs: Int, _ size: Int, groups: Int = 1) {
    let weights = filter * filter * (inputs / groups) * outputs
    parameters += weights + 2 * outputs
    multiplyAdds += weights * size * size
  }
  normalized(smallImages ? 3 : 7, 3, 64, smallImages ? 32 : 112)
  var inputs = 64
  var size = smallImages ? 32 : 56
  var middle = groups * width
  var outputs = bottleneck ? 256 : 64
  for (stage, count) in blocks.enumerated() {
    for block in 0..<count {
      let before = size
      if stage > 0 && block == 0 { size /= 2 }
      if bottleneck {
        normalized(1, inputs, middle, stride == .first1x1 ? size : before)
        normalized(3, middle, middle, size, groups: groups)
        normalized(1, middle, outputs, size)
      } else {
        normalized(3, inputs, outputs, size)
        normalized(3, outputs, outputs, size)
      }
      if shortcut == .c || (shortcut == .b && inputs != outputs) {
        normalized(1, inputs, outputs, size)
      }
      inputs = outputs
    }
    middle *= 2
    outputs *= 2
  }
  return (parameters + inputs * classes + classes, multiplyAdds + inputs * classes)
}

/// The network called `name`, on square images of its paper's size or `size`.
func network(
  _ name: String, _ shortcut: Shortcut? = nil, stride: BottleneckStride? = nil,
  classes: Int = 1000, size: Int? = nil
) throws -> Architecture {
  try ModelCatalog.architecture(
    named: name, shortcut: shortcut, stride: stride, classes: classes,
    input: size.map { ImageShape(height: $0, width: $0, channels: 3) })
}

extension Architecture {
  fileprivate func node(_ name: String) -> Node? { nodes.first { $0.name == name } }

  fileprivate func convolution(_ name: String) -> ConvolutionGeometry? {
    node(name).flatMap { node in
      (node.operation as? ConvolutionOperation)?.geometry(inputShapes(of: node)[0])
    }
  }
}

@Suite struct ImageNetCostTests {
  @Test(
    "1000-class networks have torchvision's number of parameters",
    arguments: [
      ("resnet18", 11_689_512), ("resnet34", 21_797_672), ("resnet50", 25_557_032),
      ("resnet101", 44_549_160), ("resnet152", 60_192_808), ("resnext50_32x4d", 25_028_904),
      ("resnext101_32x4d", 44_177_704), ("resnext101_64x4d", 83_455_272),
      ("resnext101_32x8d", 88_791_336), ("plain34", 21_623_848),
    ])
  func publishedParameters(name: String, parameters: Int) throws {
    #expect(try network(name).parameterCount == parameters)
  }

  @Test(
    "ResNet-34 has the parameters of its shortcut's projections",
    arguments: [(Shortcut.a, 21_623_848), (.b, 21_797_672), (.c, 22_716_840)])
  func shortcutParameters(shortcut: Shortcut, parameters: Int) throws {
    #expect(try network("resnet34", shortcut).parameterCount == parameters)
  }

  @Test(
    "the 10-class ResNeXt-29 have 34.4 and 68.1 million parameters (Xie et al. 2017, Table 7)",
    arguments: [("resnext29_8x64d", 34_426_698), ("resnext29_16x64d", 68_155_210)])
  func smallResNeXt(name: String, parameters: Int) throws {
    let architecture = try network(name, classes: 10)
    let expected = expectedCosts(
      blocks: [3, 3, 3], bottleneck: true, groups: name.contains("_16") ? 16 : 8,
      smallImages: true, classes: 10)
    #expect(architecture.parameterCount == parameters)
    #expect(expected.parameters == parameters)
    #expect(architecture.multiplyAdds == expected.multiplyAdds)
  }

  @Test(
    "the paper's networks cost its billions of multiply-adds (He et al. 2015, Table 1)",
    arguments: [
      ("resnet18", Shortcut.a, nil, 1_794_805_760, 1.8),
      ("resnet34", .a, nil, 3_644_493_824, 3.6),
      ("resnet50", .b, BottleneckStride.first1x1, 3_857_973_248, 3.8),
      ("resnet101", .b, .first1x1, 7_570_194_432, 7.6),
      ("resnet152", .b, .first1x1, 11_282_415_616, 11.3),
    ])
  func publishedMultiplyAdds(
    name: String, shortcut: Shortcut, stride: BottleneckStride?, multiplyAdds: Int, billions: Double
  ) throws {
    #expect(try network(name, shortcut, stride: stride).multiplyAdds == multiplyAdds)
    // The table rounds some figures and cuts others off: 3.86 is its 3.8, 7.57 its 7.6.
    let tenths = Double(multiplyAdds) / 1e8
    #expect([tenths.rounded(), tenths.rounded(.down)].contains((billions * 10).rounded()))
  }

  @Test(
    "torchvision's networks cost its multiply-adds",
    arguments: [
      ("resnet18", 1_814_073_344), ("resnet34", 3_663_761_408), ("resnet50", 4_089_184_256),
      ("resnet101", 7_801_405_440), ("resnet152", 11_513_626_624),
      ("resnext50_32x4d", 4_230_479_872), ("resnext101_64x4d", 15_460_270_080),
    ])
  func torchvisionMultiplyAdds(name: String, multiplyAdds: Int) throws {
    #expect(try network(name).multiplyAdds == multiplyAdds)
  }

  @Test(
    "every option has the costs of its layers",
    arguments: [
      ("18", [2, 2, 2, 2]), ("34", [3, 4, 6, 3]), ("50", [3, 4, 6, 3]), ("101", [3, 4, 23, 3]),
      ("152", [3, 8, 36, 3]),
    ])
  func costs(depth: String, blocks: [Int]) throws {
    let isBasic = depth == "18" || depth == "34"
    func check(_ architecture: Architecture, _ expected: (parameters: Int, multiplyAdds: Int)) {
      #expect(architecture.parameterCount == expected.parameters)
      #expect(architecture.multiplyAdds == expected.multiplyAdds)
    }
    for shortcut in Shortcut.allCases {
      for stride in isBasic ? [nil] : BottleneckStride.allCases.map(Optional.some) {
        check(
          try network("resnet\(depth)", shortcut, stride: stride, classes: 7),
          expectedCosts(
            blocks: blocks, bottleneck: !isBasic, shortcut: shortcut,
            stride: stride ?? .middle3x3, classes: 7))
        if isBasic { continue }
        check(
          try network("resnext\(depth)_2x24d", shortcut, stride: stride),
          expectedCosts(
            blocks: blocks, bottleneck: true, shortcut: shortcut, groups: 2, width: 24,
            stride: stride ?? .middle3x3))
      }
    }
    if isBasic {
      check(
        try network("plain\(depth)"),
        expectedCosts(blocks: blocks, bottleneck: false, shortcut: nil))
    }
  }
}

@Suite struct ImageNetStructureTests {
  @Test("the stages' maps are 56, 28, 14 and 7 pixels wide", arguments: BottleneckStride.allCases)
  func maps(stride: BottleneckStride) throws {
    for (name, channels) in [("plain18", 64), ("resnet34", 64), ("resnext50_32x4d", 256)] {
      let architecture = try network(name, stride: channels == 64 ? nil : stride)
      func shape(_ name: String) -> ImageShape? { architecture.node(name)?.shape }
      #expect(shape("conv1") == ImageShape(height: 112, width: 112, channels: 64))
      #expect(shape("maxpool") == ImageShape(height: 56, width: 56, channels: 64))
      for (stage, size) in [56, 28, 14, 7].enumerated() {
        let last = architecture.nodes.last { $0.name.hasPrefix("layer\(stage + 1).") }
        #expect(
          last?.shape == ImageShape(height: size, width: size, channels: channels << stage))
      }
      #expect(shape("avgpool") == ImageShape(height: 1, width: 1, channels: channels << 3))
      #expect(shape("fc") == ImageShape(height: 1, width: 1, channels: 1000))
    }
  }

  @Test("the maps of a ResNeXt-29 are 32, 16 and 8 pixels wide")
  func smallMaps() throws {
    let architecture = try network("resnext29_8x64d", classes: 10)
    #expect(architecture.node("maxpool") == nil)
    for (stage, size) in [32, 16, 8].enumerated() {
      let last = architecture.nodes.last { $0.name.hasPrefix("layer\(stage + 1).") }
      #expect(last?.shape == ImageShape(height: size, width: size, channels: 256 << stage))
      let grouped = architecture.convolution("layer\(stage + 1).2.conv2")
      #expect(grouped?.groups == 8)
      #expect(grouped?.output.channels == 512 << stage)
    }
  }

  @Test("sizes from 32×32 on have maps at the end", arguments: [32, 33, 64, 97, 176, 288])
  func sizes(size: Int) throws {
    for name in ["resnet18", "resnet50"] {
      for shortcut in Shortcut.allCases {
        let last = try network(name, shortcut, size: size).nodes.last {
          $0.operation is ReLUOperation
        }
        #expect(last?.shape.height == (size + 31) / 32)
      }
    }
  }

  @Test("parameters have torchvision's names")
  func names() throws {
    func names(_ architecture: Architecture) -> [String] {
      ParameterLayout(architecture).slots.map(\.name)
    }
    func expected(_ blocks: [Int], convolutions: Int, projected: (Int, Int) -> Bool) -> [String] {
      var layers = ["conv1.weight", "bn1.weight", "bn1.bias", "fc.weight", "fc.bias"]
      for (stage, count) in blocks.enumerated() {
        for block in 0..<count {
          let prefix = "layer\(stage + 1).\(block)."
          for index in 1...convolutions {
            layers += ["conv\(index).weight", "bn\(index).weight", "bn\(index).bias"].map {
              prefix + $0
            }
          }
          if projected(stage, block) {
            layers += ["0.weight", "1.weight", "1.bias"].map { "\(prefix)downsample.\($0)" }
          }
        }
      }
      return layers.sorted()
    }
    let blocks = [3, 4, 6, 3]
    // Basic blocks keep the 64 channels of the first convolution, bottlenecks begin with 256.
    #expect(
      try names(network("resnet34")).sorted()
        == expected(blocks, convolutions: 2) { $0 > 0 && $1 == 0 })
    for name in ["resnet50", "resnext50_32x4d"] {
      #expect(
        try names(network(name)).sorted() == expected(blocks, convolutions: 3) { $1 == 0 })
    }
    #expect(
      try names(network("resnet50", .c)).sorted()
        == expected(blocks, convolutions: 3) { _, _ in true })
    for architecture in [try network("resnet34", .a), try network("plain34")] {
      #expect(
        names(architecture).sorted() == expected(blocks, convolutions: 2) { _, _ in false })
    }
  }

  @Test("the stride stands in the 3×3 convolution, or in the first 1×1 where that is asked for")
  func stride() throws {
    for name in ["resnet50", "resnext50_32x4d"] {
      #expect(try network(name).nodes == network(name, stride: .middle3x3).nodes)
      for (place, expected) in [(BottleneckStride.middle3x3, [1, 2, 1]), (.first1x1, [2, 1, 1])] {
        let architecture = try network(name, stride: place)
        for stage in 1...4 {
          func strides(_ block: Int) -> [Int?] {
            (1...3).map { architecture.convolution("layer\(stage).\(block).conv\($0)")?.stride }
          }
          #expect(strides(0) == (stage == 1 ? [1, 1, 1] : expected))
          #expect(strides(1) == [1, 1, 1])
          #expect(
            architecture.convolution("layer\(stage).0.downsample.0")?.stride
              == (stage == 1 ? 1 : 2))
        }
      }
    }
    let basic = try network("resnet18")
    #expect(basic.convolution("layer2.0.conv1")?.stride == 2)
    #expect(basic.convolution("layer2.0.conv2")?.stride == 1)
  }

  @Test("a ResNeXt with one group of 64 is the ResNet, and only its 3×3 convolutions are grouped")
  func groups() throws {
    #expect(try network("resnext50_1x64d").nodes == network("resnet50").nodes)
    for node in try network("resnext101_64x4d").nodes {
      guard let convolution = node.operation as? ConvolutionOperation else { continue }
      #expect(convolution.groups == (convolution.kernel == 3 ? 64 : 1))
    }
  }

  @Test("depths, cardinalities and sizes without sense are no networks")
  func refused() {
    let groups = Cardinality(groups: 32, width: 4)!
    for depth in [-18, 0, 20, 29, 56, 200] { #expect(ImageNetNetwork(depth: depth) == nil) }
    for depth in [50, 101, 152] {
      #expect(ImageNetNetwork(depth: depth, shortcut: nil) == nil)
    }
    #expect(ImageNetNetwork(depth: 34, cardinality: groups) == nil)
    #expect(ImageNetNetwork(depth: 18, classes: 0) == nil)
    let small = ImageShape(height: 224, width: 31, channels: 3)
    #expect(ImageNetNetwork(depth: 18, input: small) == nil)
    #expect(CIFARResNeXt(cardinality: groups, classes: 0) == nil)
    for (groups, width) in [(0, 4), (4, 0), (-1, -4), (1, 4097), (4097, 1), (65, 64), (.max, 2)] {
      #expect(Cardinality(groups: groups, width: width) == nil)
    }
  }
}
