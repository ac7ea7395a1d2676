/// The building blocks that the residual networks share.

/// How a residual block's input reaches its output where the dimensions grow (He et al. 2015, §3.3).
package enum Shortcut: String, CaseIterable, Sendable, Codable {
  /// Identity everywhere; zeros appended after the channels where the dimensions grow.
  case a = "A"
  /// Projection (1×1 convolution and BN) where the dimensions grow, identity elsewhere.
  case b = "B"
  /// Projection in every block.
  case c = "C"
}

/// Which convolution of a bottleneck block that halves its maps has stride 2.
package enum BottleneckStride: String, CaseIterable, Sendable, Codable {
  /// The first 1×1 convolution ("v1"; He et al. 2015, §4.1).
  case first1x1 = "1x1"
  /// The 3×3 convolution ("v1.5"; torchvision's choice and that of Xie et al. 2017).
  case middle3x3 = "3x3"

  /// - Parameter name: `1x1` or `v1`, `3x3` or `v1.5`.
  package init?(named name: String) {
    switch name {
    case "v1": self = .first1x1
    case "v1.5": self = .middle3x3
    default: self.init(rawValue: name)
    }
  }

  /// In words, for the start-up summary.
  var summary: String {
    switch self {
    case .first1x1: "stride in the first 1×1 convolutions"
    case .middle3x3: "stride in the 3×3 convolutions"
    }
  }
}

/// The groups of ResNeXt's 3×3 convolutions: cardinality × bottleneck width, such as 32×4d
/// (Xie et al. 2017, §3.1 and Table 1).
package struct Cardinality: Hashable, Sendable {
  /// Groups of the 3×3 convolutions, in all stages.
  package let groups: Int
  /// Channels of one group in the first stage; doubled with each further stage.
  package let width: Int

  /// Ample for every published network; keeps a mistyped number from filling the memory.
  static let maximumChannels = 4096

  /// - Returns: nil unless both are positive and the first stage has at most 4096 channels.
  package init?(groups: Int, width: Int) {
    let limit = Self.maximumChannels
    guard (1...limit).contains(groups), (1...limit).contains(width), groups * width <= limit
    else { return nil }
    self.groups = groups
    self.width = width
  }

  /// As in the networks' names: `32x4d`.
  package var name: String { "\(groups)x\(width)d" }
}

/// The stages of a network, `layer1`, `layer2`, …: equal blocks, of which each stage but the first
/// begins with one that halves the maps and doubles the channels.
struct ResidualStages {
  enum Block {
    /// Two 3×3 convolutions with `channels` filters in the first stage.
    case basic(channels: Int)
    /// 1×1, grouped 3×3 and 1×1 convolutions: groups × width channels within the block and 256 after
    /// it, in the first stage.
    case bottleneck(Cardinality, stride: BottleneckStride)
  }

  let block: Block
  /// Blocks of each stage.
  let counts: [Int]
  /// Nil: plain, without shortcuts.
  let shortcut: Shortcut?
  /// Whether squeeze-and-excitation ends each residual branch.
  var squeezes = false

  func append(
    after input: ArchitectureBuilder.Value, to builder: inout ArchitectureBuilder
  ) -> ArchitectureBuilder.Value {
    var value = input
    for (stage, count) in counts.enumerated() {
      for index in 0..<count {
        let prefix = "layer\(stage + 1).\(index)"
        let stride = stage > 0 && index == 0 ? 2 : 1
        switch block {
        case .basic(let channels):
          value = builder.basicBlock(
            prefix, value, channels: channels << stage, stride: stride, shortcut: shortcut,
            squeezes: squeezes)
        case .bottleneck(let cardinality, let place):
          value = builder.bottleneckBlock(
            prefix, value, width: cardinality.groups * cardinality.width << stage,
            groups: cardinality.groups, channels: 256 << stage, stride: stride, place: place,
            shortcut: shortcut, squeezes: squeezes)
        }
      }
    }
    return value
  }
}

extension ArchitectureBuilder {
  /// Two 3×3 convolutions, each with BN; the shortcut is added before the second ReLU
  /// (He et al. 2015, Fig. 2 and Fig. 5 left).
  fileprivate mutating func basicBlock(
    _ prefix: String, _ input: Value, channels: Int, stride: Int, shortcut: Shortcut?,
    squeezes: Bool
  ) -> Value {
    let addend = shortcutBranch(shortcut, prefix, input, channels: channels, stride: stride)
    var value = convolution(
      "\(prefix).conv1", input, channels: channels, kernel: 3, stride: stride)
    value = relu(batchNormalization("\(prefix).bn1", value))
    value = convolution("\(prefix).conv2", value, channels: channels, kernel: 3)
    value = batchNormalization("\(prefix).bn2", value)
    if squeezes { value = squeezeExcitation(prefix, value) }
    if let addend { value = add(value, addend) }
    return relu(value)
  }

  /// 1×1, 3×3 and 1×1 convolutions, each with BN; the shortcut is added before the last ReLU
  /// (He et al. 2015, Fig. 5 right; with groups Xie et al. 2017, Fig. 3c).
  fileprivate mutating func bottleneckBlock(
    _ prefix: String, _ input: Value, width: Int, groups: Int, channels: Int, stride: Int,
    place: BottleneckStride, shortcut: Shortcut?, squeezes: Bool
  ) -> Value {
    let addend = shortcutBranch(shortcut, prefix, input, channels: channels, stride: stride)
    var value = convolution(
      "\(prefix).conv1", input, channels: width, kernel: 1,
      stride: place == .first1x1 ? stride : 1)
    value = relu(batchNormalization("\(prefix).bn1", value))
    value = convolution(
      "\(prefix).conv2", value, channels: width, kernel: 3,
      stride: place == .middle3x3 ? stride : 1, groups: groups)
    value = relu(batchNormalization("\(prefix).bn2", value))
    value = convolution("\(prefix).conv3", value, channels: channels, kernel: 1)
    value = batchNormalization("\(prefix).bn3", value)
    if squeezes { value = squeezeExcitation(prefix, value) }
    if let addend { value = add(value, addend) }
    return relu(value)
  }

  /// The end of a residual branch in an SE-ResNet (Hu et al. 2018, Fig. 3).
  private mutating func squeezeExcitation(_ prefix: String, _ value: Value) -> Value {
    append(
      "\(prefix).se", SqueezeExcitationOperation(channels: shape(of: value).channels), value)
  }

  /// What is added to the block's result; nil without a shortcut.
  private mutating func shortcutBranch(
    _ shortcut: Shortcut?, _ prefix: String, _ input: Value, channels: Int, stride: Int
  ) -> Value? {
    let grows = stride > 1 || shape(of: input).channels != channels
    switch shortcut {
    case nil:
      return nil
    case .a where grows:
      return zeroPaddedShortcut("\(prefix).shortcut", input, channels: channels, stride: stride)
    case .b where grows, .c:
      let projection = convolution(
        "\(prefix).downsample.0", input, channels: channels, kernel: 1, stride: stride)
      return batchNormalization("\(prefix).downsample.1", projection)
    case .a, .b:
      return input
    }
  }
}
