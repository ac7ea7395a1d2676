/// Parameter counts and costs of the architectures, derived anew from the paper's description.

import Networks
import Tensors
import Testing

/// Parameters of the 6n+2-layer network, summed up layer by layer.
private func expectedParameters(depth: Int, shortcut: Shortcut?, classes: Int) -> Int {
  func normalized(_ filter: Int, _ inputs: Int, _ outputs: Int) -> Int {
    filter * filter * inputs * outputs + 2 * outputs
  }
  var total = normalized(3, 3, 16)
  var inputs = 16
  for outputs in [16, 32, 64] {
    for block in 0..<(depth - 2) / 6 {
      total += normalized(3, inputs, outputs) + normalized(3, outputs, outputs)
      let grows = block == 0 && inputs != outputs
      if shortcut == .c || (shortcut == .b && grows) { total += normalized(1, inputs, outputs) }
      inputs = outputs
    }
  }
  return total + 64 * classes + classes
}

@Suite struct ArchitectureTests {
  @Test(
    "option A has the published number of parameters, and so has the plain network",
    arguments: [
      (20, 269_722), (32, 464_154), (44, 658_586), (56, 853_018), (110, 1_727_962),
      (1202, 19_421_274),
    ])
  func publishedCounts(depth: Int, parameters: Int) {
    #expect(Architecture.cifar(depth).parameterCount == parameters)
    #expect(Architecture.cifar(depth, nil).parameterCount == parameters)
  }

  @Test("every option has the parameters of its layers", arguments: [8, 20, 56], [10, 100])
  func counts(depth: Int, classes: Int) {
    for shortcut in Shortcut.allCases.map(Optional.some) + [nil] {
      let architecture = Architecture.cifar(depth, shortcut, classes: classes)
      #expect(
        architecture.parameterCount
          == expectedParameters(depth: depth, shortcut: shortcut, classes: classes))
    }
  }

  @Test("ResNet-20 costs 40.55 million multiply-adds an image")
  func multiplyAdds() {
    // Stage by stage: the first layer, then 6, 1 + 5 and 1 + 5 of 3×3 filters, the classifier.
    let stages =
      1024 * 9 * 3 * 16 + 6 * 1024 * 9 * 16 * 16
      + 256 * 9 * (16 * 32 + 5 * 32 * 32) + 64 * 9 * (32 * 64 + 5 * 64 * 64) + 640
    #expect(Architecture.cifar(20).multiplyAdds == stages)
    #expect((stages + 5_000) / 10_000 == 4055)
    #expect(Architecture.cifar(20, nil).multiplyAdds == stages)
  }

  @Test("option B's projections cost their 1×1 filters")
  func projections() {
    let extra = 256 * 16 * 32 + 64 * 32 * 64
    #expect(
      Architecture.cifar(20, .b).multiplyAdds == Architecture.cifar(20).multiplyAdds + extra)
    #expect(
      Architecture.cifar(8, .c).multiplyAdds
        == Architecture.cifar(8).multiplyAdds + extra + 1024 * 16 * 16)
  }

  @Test("depths that are not 6n+2 and sizes without sense are no networks")
  func refused() {
    for depth in [-4, 0, 2, 7, 9, 18, 21, 34, 101] {
      #expect(CIFARNetwork(depth: depth, shortcut: .a, classes: 10) == nil)
    }
    #expect(CIFARNetwork(depth: 8, shortcut: .a, classes: 0) == nil)
    #expect(
      CIFARNetwork(
        depth: 8, shortcut: .a, classes: 10, input: ImageShape(height: 3, width: 32, channels: 3))
        == nil)
  }

  @Test("the last maps are a quarter of the input's size, rounded up")
  func shapes() {
    for (height, width) in [(32, 32), (28, 28), (33, 31), (4, 4)] {
      let architecture = Architecture.cifar(
        8, input: ImageShape(height: height, width: width, channels: 1))
      let last = architecture.nodes.last { $0.operation is ReLUOperation }!.shape
      #expect(
        last == ImageShape(height: (height + 3) / 4, width: (width + 3) / 4, channels: 64))
    }
  }

  @Test("no two parameters share a name or a place, and each region is in reverse order")
  func layout() {
    for shortcut in Shortcut.allCases.map(Optional.some) + [nil] {
      let layout = ParameterLayout(.cifar(20, shortcut))
      #expect(Set(layout.slots.map(\.name)).count == layout.slots.count)
      #expect(layout.slots.flatMap { Array($0.range) } == Array(0..<layout.count))
      #expect(layout.slots[0].name == "fc.weight")
      #expect(
        layout.slots.last { $0.range.lowerBound < layout.weights.upperBound }!.name
          == "conv1.weight")
      #expect(layout.slots.last!.name == "bn1.bias")
      let statistics = layout.runningStatistics.flatMap { Array($0.mean) + Array($0.variance) }
      #expect(statistics == Array(0..<layout.runningStatisticsCount))
    }
  }
}

@Suite struct LayerCostsTests {
  @Test(
    "the layers' parameters and multiply-adds add up to the network's",
    arguments: [
      "resnet20", "plain20", "resnet18", "resnet50", "resnext29_8x64d", "resnext50_32x4d",
    ])
  func sums(name: String) throws {
    let architecture = try network(name)
    let layers = architecture.layerCosts
    #expect(layers.reduce(0) { $0 + $1.parameters } == architecture.parameterCount)
    #expect(layers.reduce(0) { $0 + $1.multiplyAdds } == architecture.multiplyAdds)
    #expect(Set(layers.map(\.name)).count == layers.count)
  }

  @Test("ResNet-50's layers are those of the paper's Table 1")
  func resNet50() throws {
    let layers = try network("resnet50").layerCosts
    // 53 convolutions, 4 of them projections; two poolings and the classifier.
    #expect(layers.count == 53 + 3)
    #expect(layers[0].name == "conv1" && layers[0].summary == "7×7, 64, stride 2")
    #expect(layers[0].output == ImageShape(height: 112, width: 112, channels: 64))
    #expect(layers[0].parameters == 9_408 + 128 && layers[0].multiplyAdds == 118_013_952)
    #expect(layers[1].summary == "3×3 max pooling, stride 2" && layers[1].parameters == 0)
    #expect(layers[layers.count - 1].summary == "fully connected, 1000")
    #expect(layers[layers.count - 1].parameters == 2_049_000)
    let grouped = try network("resnext50_32x4d").layerCosts.first { $0.name == "layer2.0.conv2" }
    #expect(grouped?.summary == "3×3, 256, stride 2, 32 groups")
    #expect(
      try network("resnet20").layerCosts.contains { $0.summary == "zeros appended, stride 2" })
  }
}

@Suite struct ModelCatalogTests {
  @Test("the paper's names build the paper's networks", arguments: ModelCatalog.paperModels)
  func paperModels(name: String) throws {
    let architecture = try ModelCatalog.architecture(named: name, classes: 10)
    let depth = Int(name.drop { $0.isLetter })!
    let weighted = architecture.nodes.filter {
      $0.operation is ConvolutionOperation || $0.operation is FullyConnectedOperation
    }
    #expect(architecture.name == name)
    #expect(weighted.count == depth)
  }

  @Test("names are not case-sensitive and A is the default shortcut")
  func defaults() throws {
    let architecture = try ModelCatalog.architecture(named: "ResNet20", classes: 10)
    #expect(architecture.nodes == Architecture.cifar(20, .a).nodes)
    let projected = try ModelCatalog.architecture(named: "resnet20", shortcut: .b, classes: 10)
    #expect(projected.nodes == Architecture.cifar(20, .b).nodes)
  }

  @Test(
    "a name that is none gets the nearest one suggested",
    arguments: [
      ("resnet21", "resnet20"), ("resnet24", "resnet26"), ("resnet5", "resnet8"),
      ("resnet0", "resnet8"), ("plain57", "plain56"), ("rasnet20", "resnet20"),
      ("resnet-20", "resnet20"), ("resnet-50", "resnet50"), ("resnt110", "resnet110"),
      ("plane20", "plain20"),
    ])
  func suggestions(name: String, suggestion: String) {
    let error = #expect(throws: ModelError.self) {
      try ModelCatalog.architecture(named: name, classes: 10)
    }
    #expect(error == .unknown(name: name, suggestion: suggestion))
    #expect(error?.description.contains("did you mean '\(suggestion)'?") == true)
  }

  @Test(
    "nothing is suggested for a name that resembles none", arguments: ["", "vgg16", "mobilenet"])
  func noSuggestion(name: String) {
    #expect(throws: ModelError.unknown(name: name, suggestion: nil)) {
      try ModelCatalog.architecture(named: name, classes: 10)
    }
  }

  @Test("a shortcut for a plain network is an error that names the residual one")
  func plainShortcut() {
    let error = #expect(throws: ModelError.self) {
      try ModelCatalog.architecture(named: "plain20", shortcut: .b, classes: 10)
    }
    #expect(error == .shortcutOfPlainNetwork(name: "plain20"))
    #expect(error?.description.contains("resnet20") == true)
  }
}

@Suite struct ImageNetCatalogTests {
  @Test(
    "names build the networks that carry them, of their paper's image size",
    arguments: ModelCatalog.imageNetModels + ModelCatalog.resNeXtModels)
  func names(name: String) throws {
    let architecture = try network(name.uppercased())
    let size = name.hasPrefix("resnext29") ? 32 : 224
    #expect(architecture.name == name)
    #expect(architecture.input == ImageShape(height: size, width: size, channels: 3))
    let depth = Int(name.drop { $0.isLetter }.prefix { $0.isNumber })!
    let layers = architecture.nodes.filter {
      ($0.operation is ConvolutionOperation || $0.operation is FullyConnectedOperation)
        && !$0.name.contains("downsample")
    }
    #expect(layers.count == depth)
  }

  @Test("B is the default shortcut")
  func defaultShortcut() throws {
    for name in ["resnet18", "resnet152", "resnext50_32x4d", "resnext29_8x64d"] {
      #expect(try network(name).nodes == network(name, .b).nodes)
    }
  }

  @Test("the summary says what the network is")
  func summaries() throws {
    let first = "ImageNet network, 50 layers, residual, shortcut B, "
    #expect(try network("resnet50").summary == first + "stride in the 3×3 convolutions")
    #expect(
      try network("resnet50", stride: .first1x1).summary
        == first + "stride in the first 1×1 convolutions")
    #expect(try network("plain18").summary == "ImageNet network, 18 layers, plain")
    #expect(
      try network("resnext50_32x4d", .a, stride: .first1x1).summary
        == "ImageNet ResNeXt, 50 layers, cardinality 32, shortcut A, "
        + "stride in the first 1×1 convolutions")
    #expect(
      try network("resnext29_8x64d").summary
        == "CIFAR ResNeXt, 29 layers, cardinality 8, shortcut B, stride in the 3×3 convolutions")
  }

  @Test(
    "images have at least the size that the network halves to one pixel",
    arguments: [
      ("resnet20", 4), ("plain20", 4), ("resnext29_8x64d", 4), ("resnet18", 32), ("plain34", 32),
      ("resnext50_32x4d", 32),
    ])
  func tooSmall(name: String, minimum: Int) throws {
    #expect(try network(name, size: minimum).classes == 1000)
    let input = ImageShape(height: 40, width: minimum - 1, channels: 3)
    let error = #expect(throws: ModelError.self) {
      try ModelCatalog.architecture(named: name, classes: 1000, input: input)
    }
    #expect(error == .imagesTooSmall(name: name, input: input, minimum: minimum))
    #expect(error?.description.contains("\(minimum)×\(minimum) pixels") == true)
    #expect(error?.description.contains("40×\(minimum - 1)") == true)
  }

  @Test("what a network does not have cannot be chosen")
  func misplacedOptions() throws {
    #expect(throws: ModelError.shortcutOfPlainNetwork(name: "plain34")) {
      try network("plain34", .a)
    }
    #expect(BottleneckStride(named: "v1") == .first1x1)
    #expect(BottleneckStride(named: "v1.5") == .middle3x3)
    #expect(BottleneckStride(named: "v2") == nil)
    for name in ["resnet18", "resnet20", "plain34"] {
      #expect(try network(name).stride == nil)
      #expect(throws: ModelError.strideWithoutBottlenecks(name: name)) {
        try network(name, stride: .first1x1)
      }
    }
  }

  @Test(
    "a name that is none gets the nearest one suggested",
    arguments: [
      ("resnet17", "resnet18"), ("resnet51", "resnet50"), ("resnet100", "resnet101"),
      ("resnet33", "resnet34"), ("plain50", "plain56"), ("plain152", "plain158"),
      ("resnet99999", "resnet6002"), ("resnext50", "resnext50_32x4d"),
      ("resnext29", "resnext29_8x64d"), ("resnext101_32x4", "resnext101_32x4d"),
      ("resnext51_32x4d", "resnext50_32x4d"), ("resnext50_0x4d", "resnext50_32x4d"),
      ("resnext34_32x4d", "resnext50_32x4d"), ("resnext50-32x4d", "resnext50_32x4d"),
    ])
  func suggestions(name: String, suggestion: String) {
    #expect(throws: ModelError.unknown(name: name, suggestion: suggestion)) {
      try network(name)
    }
  }
}
