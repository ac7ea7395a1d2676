/// What a network is trained for.

import Kernels

/// The losses that end a network, and what their sums mean.
///
/// Classification is one head; a network with other outputs brings its own, with as many losses as it
/// needs.
package protocol Head: Sendable {
  /// What the sums of all losses over a set of images say.
  associatedtype Metrics: Sendable

  /// The network with this head's losses.
  func attached(to network: Architecture) -> Architecture

  /// - Parameter sums: of all losses, one after the other.
  static func metrics(_ sums: LossSums) -> Metrics
}

/// Image classification: a loss, top-1 and top-5.
package struct ClassificationHead: Head {
  private let loss: any Loss

  /// Images have one class each.
  package init(labelSmoothing: Double = 0) {
    loss = SoftmaxCrossEntropyLoss(labelSmoothing: labelSmoothing)
  }

  /// Images have a probability of each class.
  package init(classProbabilities classes: Int) {
    loss = SoftmaxCrossEntropyLoss(classProbabilities: classes)
  }

  /// Each class is a question of its own.
  package init(_ loss: BinaryCrossEntropyLoss) { self.loss = loss }

  package func attached(to network: Architecture) -> Architecture {
    network.adding(loss, "loss", of: network.outputs[0])
  }

  package static func metrics(_ sums: LossSums) -> ClassificationSums {
    ClassificationSums(sums)
  }
}

extension Architecture {
  /// The network with one more loss.
  package func adding(_ loss: some Loss, _ name: String, of values: Int...) -> Architecture {
    var builder = ArchitectureBuilder(self)
    _ = builder.append(name, loss, values)
    return builder.architecture(
      name: self.name, summary: summary, stride: stride, outputs: outputs)
  }

  /// Numbers that all losses add up together.
  package var lossSumsCount: Int { losses.reduce(0) { $0 + $1.sumsCount } }

  /// Where each loss's sums begin among those of all losses.
  package var lossSumsOffsets: [Int] {
    losses.reduce(into: [0]) { $0.append($0.last! + $1.sumsCount) }.dropLast()
  }
}
