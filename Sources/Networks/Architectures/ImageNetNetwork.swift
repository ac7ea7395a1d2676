/// The ImageNet networks of He et al. 2015, §4.1, and Xie et al. 2017, §5.1, and their SE forms (Hu et al.
/// 2018, arXiv 1709.01507).

import Tensors

/// The ImageNet network: a 7×7 convolution and a max pooling that quarter the image's size, four
/// stages on 56², 28², 14² and 7² maps, global average pooling, a fully connected layer.
///
/// Stages are made of basic blocks for 18 and 34 layers and of bottleneck blocks for 50, 101 and 152
/// (He et al. 2015, Table 1); with a cardinality, the latter are ResNeXt's (Xie et al. 2017, Table 1).
/// Parameters carry torchvision's names.
package struct ImageNetNetwork: Hashable, Sendable {
  /// Weighted layers, not counting projections: 18, 34, 50, 101 or 152.
  package let depth: Int
  /// Nil: the plain network, without shortcuts.
  package let shortcut: Shortcut?
  /// Nil: not a ResNeXt.
  package let cardinality: Cardinality?
  /// Where bottleneck blocks have their stride; basic blocks have it in their first convolution.
  package let stride: BottleneckStride
  /// Whether squeeze-and-excitation ends each residual branch.
  package let squeezes: Bool
  package let classes: Int
  package let input: ImageShape

  /// Smallest image height and width: the maps are halved five times.
  package static let minimumSize = 32

  /// The networks of He et al. 2015, Table 1, and the blocks of each stage.
  private static let table: [(depth: Int, blocks: [Int])] = [
    (18, [2, 2, 2, 2]), (34, [3, 4, 6, 3]), (50, [3, 4, 6, 3]), (101, [3, 4, 23, 3]),
    (152, [3, 8, 36, 3]),
  ]

  package static let depths = table.map(\.depth)

  /// - Returns: nil unless `depth` is one of `depths`, at least 50 where a cardinality is given and
  ///   at most 34 for the plain network, and the images have at least 32×32 pixels.
  package init?(
    depth: Int, shortcut: Shortcut? = .b, cardinality: Cardinality? = nil,
    stride: BottleneckStride = .middle3x3, squeezes: Bool = false, classes: Int = 1000,
    input: ImageShape = ImageShape(height: 224, width: 224, channels: 3)
  ) {
    guard
      Self.exists(depth: depth, isPlain: shortcut == nil, isResNeXt: cardinality != nil),
      !(squeezes && shortcut == nil),
      classes >= 1, input.height >= Self.minimumSize, input.width >= Self.minimumSize
    else { return nil }
    self.depth = depth
    self.shortcut = shortcut
    self.cardinality = cardinality
    self.stride = stride
    self.squeezes = squeezes
    self.classes = classes
    self.input = input
  }

  static func exists(depth: Int, isPlain: Bool, isResNeXt: Bool = false) -> Bool {
    depths.contains(depth) && !(isPlain && hasBottlenecks(depth))
      && !(isResNeXt && !hasBottlenecks(depth))
  }

  /// Whether a network of that depth is made of bottleneck blocks.
  static func hasBottlenecks(_ depth: Int) -> Bool { depth >= 50 }

  /// Blocks of each stage.
  package var blocks: [Int] { Self.table.first { $0.depth == depth }!.blocks }

  package var name: String {
    let prefix = squeezes ? "se" : ""
    if let cardinality { return prefix + "resnext\(depth)_\(cardinality.name)" }
    return prefix + (shortcut == nil ? "plain" : "resnet") + "\(depth)"
  }

  package var architecture: Architecture {
    var builder = ArchitectureBuilder(input: input)
    var value = builder.convolution("conv1", builder.input, channels: 64, kernel: 7, stride: 2)
    value = builder.relu(builder.batchNormalization("bn1", value))
    value = builder.maxPooling("maxpool", value, kernel: 3, stride: 2, padding: 1)
    let stages = ResidualStages(
      block: block, counts: blocks, shortcut: shortcut, squeezes: squeezes)
    value = stages.append(after: value, to: &builder)
    value = builder.globalAveragePooling("avgpool", value)
    _ = builder.fullyConnected("fc", value, outputs: classes)
    return builder.architecture(
      name: name, summary: summary, stride: Self.hasBottlenecks(depth) ? stride : nil)
  }

  private var block: ResidualStages.Block {
    guard Self.hasBottlenecks(depth) else { return .basic(channels: 64) }
    // A ResNet's bottleneck is a ResNeXt's with one group of 64 channels.
    return .bottleneck(cardinality ?? Cardinality(groups: 1, width: 64)!, stride: stride)
  }

  private var summary: String {
    var parts = ["ImageNet \(cardinality == nil ? "network" : "ResNeXt")", "\(depth) layers"]
    if squeezes { parts.append("squeeze-and-excitation") }
    if let cardinality { parts.append("cardinality \(cardinality.groups)") }
    if let shortcut {
      if cardinality == nil { parts.append("residual") }
      parts.append("shortcut \(shortcut.rawValue)")
    } else {
      parts.append("plain")
    }
    if Self.hasBottlenecks(depth) { parts.append(stride.summary) }
    return parts.joined(separator: ", ")
  }
}
