/// Which memory each parameter has in the flat buffers.

import Kernels

/// One named parameter and its slot.
package struct ParameterSlot: Hashable, Sendable {
  /// torchvision's name, such as `layer1.0.conv1.weight`.
  package let name: String
  /// The node that the parameter belongs to, such as `layer1.0.conv1`.
  package let layer: String
  package let description: ParameterDescription
  /// The elements in the flat parameter buffer, and of a trainable parameter in those of gradients and
  /// of the optimizer's state.
  package let range: Range<Int>
  /// Whether it is neither trained nor has a gradient.
  package let isFrozen: Bool

  package var role: ParameterDescription.Role { description.role }

  /// The shape in files: PyTorch's.
  package var fileShape: [Int] { description.shape }
}

/// A BN layer's running statistics and their slots in the running-statistics buffer.
package struct RunningStatisticsSlot: Hashable, Sendable {
  /// The BN layer's name; files add `.running_mean` and `.running_var`.
  package let name: String
  package let mean: Range<Int>
  package let variance: Range<Int>
}

/// The flat buffers' map.
///
/// Three regions, each in reverse execution order, so that the backward pass fills the first two from
/// front to back: the *weights* (convolutions, the classifier and its bias), whose gradients every rank
/// holds a part of and the ranks must sum; the *normalization* parameters, whose gradients are whole on
/// every rank as soon as the statistics exchange of the backward pass is done; and the *frozen*
/// parameters of both kinds, which have no gradients. Running statistics are divided likewise.
package struct ParameterLayout: Sendable {
  /// In an order that does not depend on what is frozen.
  package let slots: [ParameterSlot]
  package let runningStatistics: [RunningStatisticsSlot]
  /// The region whose gradients are summed over ranks.
  package let weights: Range<Int>
  /// The region of BN scales and shifts that are trained.
  package let normalization: Range<Int>
  /// The region of parameters that are not trained.
  package let frozen: Range<Int>
  /// Elements of the running statistics that training updates; those of frozen layers follow.
  package let trainedStatisticsCount: Int
  /// Elements of the running-statistics buffer.
  package let runningStatisticsCount: Int

  /// PyTorch's shapes of parameters and running statistics, by name.
  package var stateShapes: [String: [Int]] {
    var shapes: [String: [Int]] = [:]
    for slot in slots { shapes[slot.name] = slot.fileShape }
    for slot in runningStatistics {
      shapes["\(slot.name).running_mean"] = [slot.mean.count]
      shapes["\(slot.name).running_var"] = [slot.variance.count]
    }
    return shapes
  }

  /// Parameters in all.
  package var count: Int { frozen.upperBound }

  /// Parameters that are trained: the first two regions.
  package var trainedCount: Int { normalization.upperBound }

  /// Numbers that normalization sums over all BN groups: gradients and running statistics.
  package var normalizationTotals: Int { normalization.count + trainedStatisticsCount }

  package init(_ architecture: Architecture) {
    typealias Parameter = (
      name: String, layer: String, description: ParameterDescription, isFrozen: Bool
    )
    var parameters: [Parameter] = []
    var statistics: [(name: String, channels: Int, isFrozen: Bool)] = []
    for node in architecture.nodes.reversed() {
      let shapes = architecture.inputShapes(of: node)
      let isFrozen = architecture.frozen.contains(node.name)
      for description in node.operation.parameters(of: shapes) {
        parameters.append(
          ("\(node.name).\(description.suffix)", node.name, description, isFrozen))
      }
      let channels = node.operation.runningStatistics(of: shapes)
      if channels > 0 { statistics.append((node.name, channels, isFrozen)) }
    }
    let order =
      parameters.filter { !$0.description.role.isNormalization }
      + parameters.filter { $0.description.role.isNormalization }
    var ranges: [String: Range<Int>] = [:]
    var offset = 0
    func place(_ region: [Parameter]) -> Range<Int> {
      let first = offset
      for parameter in region {
        ranges[parameter.name] = offset..<offset + parameter.description.count
        offset += parameter.description.count
      }
      return first..<offset
    }
    weights = place(order.filter { !$0.isFrozen && !$0.description.role.isNormalization })
    normalization = place(order.filter { !$0.isFrozen && $0.description.role.isNormalization })
    frozen = place(order.filter(\.isFrozen))
    slots = order.map {
      ParameterSlot(
        name: $0.name, layer: $0.layer, description: $0.description, range: ranges[$0.name]!,
        isFrozen: $0.isFrozen)
    }
    var slots: [String: RunningStatisticsSlot] = [:]
    var position = 0
    func place(_ name: String, _ channels: Int) {
      slots[name] = RunningStatisticsSlot(
        name: name, mean: position..<position + channels,
        variance: position + channels..<position + 2 * channels)
      position += 2 * channels
    }
    for entry in statistics where !entry.isFrozen { place(entry.name, entry.channels) }
    trainedStatisticsCount = position
    for entry in statistics where entry.isFrozen { place(entry.name, entry.channels) }
    runningStatisticsCount = position
    runningStatistics = statistics.map { slots[$0.name]! }
  }

  /// Whether the parameters of `other` have the same places here.
  func contains(_ other: ParameterLayout) -> Bool {
    let slots = Set(slots)
    return other.slots.allSatisfy(slots.contains)
      && Set(runningStatistics).isSuperset(of: other.runningStatistics)
  }

  /// Whether all parameters of `other` are here, in whatever places.
  func hasParameters(of other: ParameterLayout) -> Bool {
    let shapes = stateShapes
    return other.stateShapes.allSatisfy { shapes[$0.key] == $0.value }
  }

  /// The slot called `name`.
  func slot(_ name: String) -> ParameterSlot {
    guard let slot = slots.first(where: { $0.name == name }) else {
      preconditionFailure("no parameter is called \(name)")
    }
    return slot
  }
}
