/// Networks in bfloat16 against the same in Float.

import Networks
import Tensors
import TestSupport
import Testing

@Suite struct PrecisionTests {
  /// A network with its images, small enough for a test.
  private static func network(_ name: String, classes: Int = 10) throws -> Architecture {
    let side = ModelCatalog.isForImageNet(name) ? 64 : 16
    return try ModelCatalog.architecture(
      named: name, classes: classes, input: ImageShape(height: side, width: side, channels: 3))
  }

  /// Loss, gradients and running statistics of one training pass, and logits of an evaluation.
  private struct Pass {
    var loss: Double
    var gradients: [Float]
    var runningStatistics: [Float]
    var logits: [Float]
    var arenaBytes: Int

    init(_ architecture: Architecture, images: Int = 8) throws {
      let replica = try TrainingReplica(alone: architecture, batch: images, shards: 2)
      let batch = Batch(of: architecture, count: images, seed: 3)
      loss = try replica.train(batch).loss / Double(images)
      gradients = replica.gradientNodes.reduce(
        into: [Float](repeating: 0, count: replica.parameterLayout.trainedCount)
      ) { sum, node in
        for (index, value) in node.weights.enumerated() { sum[index] += value }
      }
      for index in replica.parameterLayout.normalization {
        gradients[index] =
          replica.normalizationGradients[
            index - replica.parameterLayout.normalization.lowerBound]
      }
      runningStatistics = Array(replica.runningStatistics)
      logits = try replica.evaluate(batch).logits
      arenaBytes = replica.arenaBytes
    }
  }

  private func cosine(_ a: [Float], _ b: [Float]) -> Double {
    func dot(_ a: [Float], _ b: [Float]) -> Double {
      zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    return dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
  }

  /// Every kind of layer in three blocks.
  ///
  /// Rounding flips ReLUs. PyTorch's autocast gives this network, dense or in 8 groups, gradients at a cosine
  /// of 0.93 or more to fp32's for each parameter and of 0.98 for all; of a ResNet-50 at its
  /// initialization, on images of noise, there it is 0.12.
  private static func shallow(groups: Int, excites: Bool) -> Architecture {
    var builder = ArchitectureBuilder(input: ImageShape(height: 34, width: 30, channels: 3))
    func normalized(_ name: String, _ value: Int) -> Int {
      builder.batchNormalization("\(name).bn", value)
    }
    var value = builder.convolution("conv1", builder.input, channels: 64, kernel: 7, stride: 2)
    value = builder.relu(normalized("conv1", value))
    value = builder.maxPooling("maxpool", value, kernel: 3, stride: 2, padding: 1)
    for (index, stride) in [1, 2, 2].enumerated() {
      let name = "block\(index)"
      let (width, channels) = (32 << index, 64 << index)
      func layer(_ suffix: String, _ from: Int, _ channels: Int, _ kernel: Int, _ stride: Int = 1)
        -> Int
      {
        normalized(
          "\(name).\(suffix)",
          builder.convolution(
            "\(name).\(suffix)", from, channels: channels, kernel: kernel, stride: stride,
            groups: kernel == 3 ? groups : 1))
      }
      let shortcut = stride == 1 ? value : layer("shortcut", value, channels, 1, stride)
      var branch = builder.relu(layer("conv1", value, width, 1))
      branch = builder.relu(layer("conv2", branch, width, 3, stride))
      branch = layer("conv3", branch, channels, 1)
      if excites {
        branch = builder.append(
          "\(name).se", SqueezeExcitationOperation(hidden: 8), branch)
      }
      value = builder.relu(builder.add(branch, shortcut))
    }
    value = builder.fullyConnected(
      "fc", builder.globalAveragePooling("avgpool", value), outputs: 10)
    return builder.architecture(name: "shallow", summary: "three blocks")
  }

  private static let networks: [(name: String, network: Architecture)] = [
    ("dense", shallow(groups: 1, excites: false)), ("grouped", shallow(groups: 8, excites: false)),
    ("excited", shallow(groups: 1, excites: true)), ("shortcut A", .cifar(8, .a)),
    ("shortcut B", .cifar(8, .b)), ("plain", .cifar(8, nil)),
  ]

  @Test(
    "loss and gradients in bf16 are those in fp32 but for rounding", arguments: networks.indices,
    [Precision.bf16, .bf16AMX])
  func gradients(_ index: Int, _ precision: Precision) throws {
    let (name, network) = Self.networks[index]
    let float = try Pass(network)
    let rounded = try Pass(network.with(precision))
    #expect(float.loss != rounded.loss, "\(name)")
    #expect(abs(rounded.loss / float.loss - 1) < 0.01, "\(name)")
    // A wrong pair, sign or mask anywhere turns the gradient of a layer, and so this.
    for slot in ParameterLayout(network.classifier).slots {
      let part = slot.range
      let angle = cosine(Array(float.gradients[part]), Array(rounded.gradients[part]))
      #expect(angle > 0.93, "\(name), \(slot.name)")
    }
    #expect(cosine(float.gradients, rounded.gradients) > 0.96, "\(name)")
    #expect(cosine(float.runningStatistics, rounded.runningStatistics) > 0.9999, "\(name)")
    #expect(cosine(float.logits, rounded.logits) > 0.999, "\(name)")
  }

  @Test(
    "activations in bf16 take less memory, though the backward pass computes fewer of them again")
  func memory() throws {
    let network = try Self.network("resnet50")
    let float = try TrainingReplica(alone: network, batch: 32)
    let rounded = try TrainingReplica(alone: network.with(.bf16), batch: 32)
    #expect(Double(rounded.arenaBytes) < 0.85 * Double(float.arenaBytes))
  }

  @Test("values between layers are of the network's precision, what is done once an image is fp32")
  func elements() throws {
    let network = try Self.network("resnet50").with(.bf16).classifier
    let program = ChooseElements(activations: .bfloat16)(
      Program(network, images: 2, mode: .training))
    for (node, value) in zip(network.nodes, program.values) {
      let isOnceAnImage = ["input", "avgpool", "fc", "loss"].contains(node.name)
      #expect(value.element == (isOnceAnImage ? .float32 : .bfloat16), "\(node.name)")
    }
  }

  @Test("the form for other images keeps the precision")
  func derived() throws {
    let network = try Self.network("resnet18").with(.bf16)
    let large = try network.fullyConvolutional(
      input: ImageShape(height: 96, width: 80, channels: 3))
    #expect(large.precision == .bf16)
    #expect(network.adding(outputs: [1]).precision == .bf16)
    #expect(network.classifier.precision == .bf16)
  }
}
