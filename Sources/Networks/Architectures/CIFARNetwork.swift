/// The CIFAR networks of He et al. 2015, §4.2: plain and residual, 6n+2 weighted layers.

import Tensors

/// How a residual block's input reaches its output where the dimensions grow (He et al. 2015, §3.3).
public enum Shortcut: String, CaseIterable, Sendable, Codable {
  /// Identity everywhere; zeros appended after the channels where the dimensions grow.
  case a = "A"
  /// Projection (1×1 convolution and BN) where the dimensions grow, identity elsewhere.
  case b = "B"
  /// Projection in every block.
  case c = "C"
}

/// The 6n+2-layer network for small images: a 3×3 convolution, three stages of 2n 3×3 convolutions
/// on 32², 16² and 8² maps with 16, 32 and 64 filters, global average pooling, a fully connected
/// layer. Stages after the first begin with stride 2.
public struct CIFARNetwork: Hashable, Sendable {
  /// Weighted layers, 6n+2.
  public let depth: Int
  /// Nil: the plain network, without shortcuts.
  public let shortcut: Shortcut?
  public let classes: Int
  public let input: ImageShape

  /// Far beyond the paper's 1202; keeps a mistyped depth from filling the memory.
  static let maximumDepth = 6002

  /// - Returns: nil unless `depth` = 6n+2 for some n in 1…1000 and the images have at least 4×4 pixels.
  public init?(
    depth: Int, shortcut: Shortcut?, classes: Int,
    input: ImageShape = ImageShape(height: 32, width: 32, channels: 3)
  ) {
    guard
      (8...Self.maximumDepth).contains(depth), (depth - 2) % 6 == 0, classes >= 1,
      input.height >= 4, input.width >= 4
    else { return nil }
    self.depth = depth
    self.shortcut = shortcut
    self.classes = classes
    self.input = input
  }

  /// Residual blocks (pairs of layers) in each stage: n.
  public var blocksPerStage: Int { (depth - 2) / 6 }

  public var name: String { (shortcut == nil ? "plain" : "resnet") + "\(depth)" }

  public var architecture: Architecture {
    var builder = ArchitectureBuilder(input: input)
    var value = builder.convolution("conv1", builder.input, channels: 16, kernel: 3)
    value = builder.batchNormalization("bn1", value)
    value = builder.relu(value)
    for (stage, channels) in [16, 32, 64].enumerated() {
      for block in 0..<blocksPerStage {
        value = basicBlock(
          "layer\(stage + 1).\(block)", value, channels: channels,
          stride: stage > 0 && block == 0 ? 2 : 1, &builder)
      }
    }
    value = builder.globalAveragePooling("avgpool", value)
    _ = builder.fullyConnected("fc", value, outputs: classes)
    let kind = shortcut.map { "residual, shortcut \($0.rawValue)" } ?? "plain"
    return builder.architecture(name: name, summary: "CIFAR network, \(depth) layers, \(kind)")
  }

  /// Two 3×3 convolutions, each with BN; the shortcut is added before the second ReLU.
  private func basicBlock(
    _ prefix: String, _ input: Int, channels: Int, stride: Int,
    _ builder: inout ArchitectureBuilder
  ) -> Int {
    let addend = shortcut.map {
      shortcutBranch($0, prefix, input, channels: channels, stride: stride, &builder)
    }
    var value = builder.convolution(
      "\(prefix).conv1", input, channels: channels, kernel: 3, stride: stride)
    value = builder.batchNormalization("\(prefix).bn1", value)
    value = builder.relu(value)
    value = builder.convolution("\(prefix).conv2", value, channels: channels, kernel: 3)
    value = builder.batchNormalization("\(prefix).bn2", value)
    if let addend { value = builder.add(value, addend) }
    return builder.relu(value)
  }

  private func shortcutBranch(
    _ shortcut: Shortcut, _ prefix: String, _ input: Int, channels: Int, stride: Int,
    _ builder: inout ArchitectureBuilder
  ) -> Int {
    let grows = stride > 1 || builder.shape(of: input).channels != channels
    switch shortcut {
    case .a where grows:
      return builder.zeroPaddedShortcut(
        "\(prefix).shortcut", input, channels: channels, stride: stride)
    case .b where grows, .c:
      let projection = builder.convolution(
        "\(prefix).downsample.0", input, channels: channels, kernel: 1, stride: stride)
      return builder.batchNormalization("\(prefix).downsample.1", projection)
    case .a, .b:
      return input
    }
  }
}
