/// The networks for small images: the 6n+2-layer networks of He et al. 2015, §4.2, and the
/// ResNeXt-29 of Xie et al. 2017, §5.2.

import Tensors

/// The 6n+2-layer network for small images: a 3×3 convolution, three stages of 2n 3×3 convolutions
/// on 32², 16² and 8² maps with 16, 32 and 64 filters, global average pooling, a fully connected
/// layer. Stages after the first begin with stride 2 (He et al. 2015, §4.2).
package struct CIFARNetwork: Hashable, Sendable {
  /// Weighted layers, 6n+2.
  package let depth: Int
  /// Nil: the plain network, without shortcuts.
  package let shortcut: Shortcut?
  package let classes: Int
  package let input: ImageShape

  /// Smallest image height and width.
  package static let minimumSize = 4

  /// Far beyond the paper's 1202; keeps a mistyped depth from filling the memory.
  static let maximumDepth = 6002

  /// - Returns: nil unless `depth` = 6n+2 for some n in 1…1000 and the images have at least 4×4 pixels.
  package init?(
    depth: Int, shortcut: Shortcut?, classes: Int,
    input: ImageShape = ImageShape(height: 32, width: 32, channels: 3)
  ) {
    guard
      Self.hasDepth(depth), classes >= 1, input.height >= Self.minimumSize,
      input.width >= Self.minimumSize
    else { return nil }
    self.depth = depth
    self.shortcut = shortcut
    self.classes = classes
    self.input = input
  }

  static func hasDepth(_ depth: Int) -> Bool {
    (8...maximumDepth).contains(depth) && (depth - 2) % 6 == 0
  }

  /// Residual blocks (pairs of layers) in each stage: n.
  package var blocksPerStage: Int { (depth - 2) / 6 }

  package var name: String { (shortcut == nil ? "plain" : "resnet") + "\(depth)" }

  package var architecture: Architecture {
    let stages = ResidualStages(
      block: .basic(channels: 16), counts: Array(repeating: blocksPerStage, count: 3),
      shortcut: shortcut)
    let kind = shortcut.map { "residual, shortcut \($0.rawValue)" } ?? "plain"
    return .forSmallImages(
      name: name, summary: "CIFAR network, \(depth) layers, \(kind)", input: input,
      firstChannels: 16, stages: stages, classes: classes)
  }
}

/// ResNeXt-29 for small images: a 3×3 convolution with 64 filters, three stages of 3 bottleneck
/// blocks with grouped 3×3 convolutions and 256, 512 and 1024 output channels, global average
/// pooling, a fully connected layer (Xie et al. 2017, §5.2).
package struct CIFARResNeXt: Hashable, Sendable {
  package let cardinality: Cardinality
  package let shortcut: Shortcut
  package let stride: BottleneckStride
  package let classes: Int
  package let input: ImageShape

  /// Weighted layers.
  package static let depth = 29
  /// Smallest image height and width.
  package static let minimumSize = 4

  /// - Returns: nil unless the images have at least 4×4 pixels.
  package init?(
    cardinality: Cardinality, shortcut: Shortcut = .b, stride: BottleneckStride = .middle3x3,
    classes: Int, input: ImageShape = ImageShape(height: 32, width: 32, channels: 3)
  ) {
    guard classes >= 1, input.height >= Self.minimumSize, input.width >= Self.minimumSize
    else { return nil }
    self.cardinality = cardinality
    self.shortcut = shortcut
    self.stride = stride
    self.classes = classes
    self.input = input
  }

  package var name: String { "resnext\(Self.depth)_\(cardinality.name)" }

  package var architecture: Architecture {
    let stages = ResidualStages(
      block: .bottleneck(cardinality, stride: stride), counts: [3, 3, 3], shortcut: shortcut)
    let summary =
      "CIFAR ResNeXt, \(Self.depth) layers, cardinality \(cardinality.groups), "
      + "shortcut \(shortcut.rawValue), \(stride.summary)"
    return .forSmallImages(
      name: name, summary: summary, stride: stride, input: input, firstChannels: 64,
      stages: stages, classes: classes)
  }
}

extension Architecture {
  /// A 3×3 convolution at full resolution, the stages and the classifier.
  fileprivate static func forSmallImages(
    name: String, summary: String, stride: BottleneckStride? = nil, input: ImageShape,
    firstChannels: Int, stages: ResidualStages, classes: Int
  ) -> Architecture {
    var builder = ArchitectureBuilder(input: input)
    var value = builder.convolution("conv1", builder.input, channels: firstChannels, kernel: 3)
    value = builder.relu(builder.batchNormalization("bn1", value))
    value = stages.append(after: value, to: &builder)
    value = builder.globalAveragePooling("avgpool", value)
    _ = builder.fullyConnected("fc", value, outputs: classes)
    return builder.architecture(name: name, summary: summary, stride: stride)
  }
}
