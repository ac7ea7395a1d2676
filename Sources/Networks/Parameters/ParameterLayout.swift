/// Where each parameter stands in the flat buffers.

import Kernels

/// One named parameter and its place.
public struct ParameterSlot: Hashable, Sendable {
  public enum Role: Hashable, Sendable {
    /// [R, S, C/groups, K] in memory, [K, C/groups, R, S] in files.
    case convolutionWeight(ConvolutionGeometry)
    /// γ, [C].
    case normalizationScale
    /// β, [C].
    case normalizationShift
    /// [C, K] in memory, [K, C] in files.
    case fullyConnectedWeight(inputs: Int, outputs: Int)
    /// [K].
    case fullyConnectedBias

    /// Whether the parameter belongs to a normalization.
    package var isNormalization: Bool {
      switch self {
      case .normalizationScale, .normalizationShift: true
      case .convolutionWeight, .fullyConnectedWeight, .fullyConnectedBias: false
      }
    }
  }

  /// torchvision's name, such as `layer1.0.conv1.weight`.
  public let name: String
  public let role: Role
  /// The place in the flat parameter, and gradient buffers.
  public let range: Range<Int>

  /// The shape in files: PyTorch's.
  public var fileShape: [Int] {
    switch role {
    case .convolutionWeight(let geometry):
      [
        geometry.output.channels, geometry.channelsPerGroup, geometry.kernelHeight,
        geometry.kernelWidth,
      ]
    case .fullyConnectedWeight(let inputs, let outputs): [outputs, inputs]
    default: [range.count]
    }
  }
}

/// A BN layer's running statistics and their place in the running-statistics buffer.
public struct RunningStatisticsSlot: Hashable, Sendable {
  /// The BN layer's name; files add `.running_mean` and `.running_var`.
  public let name: String
  public let mean: Range<Int>
  public let variance: Range<Int>
}

/// The flat buffers' map.
///
/// Two regions, each in reverse execution order, so that the backward pass fills them front to back:
/// first the *weights* (convolutions, the classifier and its bias), whose gradients every rank holds
/// a part of and the ranks must sum; then the *normalization* parameters, whose gradients are whole
/// on every rank as soon as the statistics exchange of the backward pass is done.
public struct ParameterLayout: Sendable {
  public let slots: [ParameterSlot]
  public let runningStatistics: [RunningStatisticsSlot]
  /// The region whose gradients are summed over ranks.
  public let weights: Range<Int>
  /// The region of BN scales and shifts.
  public let normalization: Range<Int>
  /// Elements of the running-statistics buffer.
  public let runningStatisticsCount: Int

  /// PyTorch's shapes of parameters and running statistics, by name.
  public var stateShapes: [String: [Int]] {
    var shapes: [String: [Int]] = [:]
    for slot in slots { shapes[slot.name] = slot.fileShape }
    for slot in runningStatistics {
      shapes["\(slot.name).running_mean"] = [slot.mean.count]
      shapes["\(slot.name).running_var"] = [slot.variance.count]
    }
    return shapes
  }

  /// Parameters in all.
  public var count: Int { normalization.upperBound }

  /// Numbers that normalization sums over all BN groups: gradients and running statistics.
  public var normalizationTotals: Int { normalization.count + runningStatisticsCount }

  public init(_ architecture: Architecture) {
    var slots: [ParameterSlot] = []
    var offset = 0
    func append(_ name: String, _ role: ParameterSlot.Role, _ count: Int) {
      slots.append(ParameterSlot(name: name, role: role, range: offset..<offset + count))
      offset += count
    }
    for node in architecture.nodes.reversed() {
      switch node.operation {
      case .convolution(let geometry):
        append("\(node.name).weight", .convolutionWeight(geometry), geometry.weightCount)
      case .fullyConnected(let outputs):
        let inputs = architecture.nodes[node.inputs[0]].shape.channels
        append(
          "\(node.name).weight", .fullyConnectedWeight(inputs: inputs, outputs: outputs),
          inputs * outputs)
        append("\(node.name).bias", .fullyConnectedBias, outputs)
      default: break
      }
    }
    weights = 0..<offset
    var statistics: [RunningStatisticsSlot] = []
    var statisticsOffset = 0
    for node in architecture.nodes.reversed() where node.operation == .batchNormalization {
      let channels = node.shape.channels
      append("\(node.name).weight", .normalizationScale, channels)
      append("\(node.name).bias", .normalizationShift, channels)
      let middle = statisticsOffset + channels
      statistics.append(
        RunningStatisticsSlot(
          name: node.name, mean: statisticsOffset..<middle, variance: middle..<middle + channels))
      statisticsOffset = middle + channels
    }
    normalization = weights.upperBound..<offset
    self.slots = slots
    runningStatistics = statistics
    runningStatisticsCount = statisticsOffset
  }

  /// The slot called `name`.
  func slot(_ name: String) -> ParameterSlot {
    guard let slot = slots.first(where: { $0.name == name }) else {
      preconditionFailure("no parameter is called \(name)")
    }
    return slot
  }
}
