/// What a loss is: an operation that ends the graph, reads targets and adds up figures.

import Kernels
import Tensors

/// A node that compares outputs with targets.
///
/// It has no value of its own: of each shard it leaves sums, whose first is the number of samples and
/// whose second is their loss, and in training the gradients of its inputs, already divided by the images
/// of the whole mini-batch, so that the gradients of ranks and micro-batches simply add up.
package protocol Loss: Operation {
  /// Whether it can compare values of these shapes with its targets.
  func accepts(_ inputs: [ImageShape]) -> Bool

  /// What it compares with. Losses with equal targets share them.
  var target: TargetLayout { get }

  /// Names of the sums after the number of samples and the loss, such as `top1`.
  var metrics: [String] { get }
}

extension Loss {
  /// A loss's own shape is that of its sums: one number in an image.
  package func outputShape(of inputs: [ImageShape]) -> ImageShape? {
    accepts(inputs) ? ImageShape(height: 1, width: 1, channels: 1) : nil
  }

  package func outputRows(of inputs: [RowCount]) -> RowCount { .images }

  package func onnx(_ node: ONNXOperands) -> ONNXOperators { ONNXOperators([]) }

  /// Sums of a shard.
  package var sumsCount: Int { 2 + metrics.count }
}

/// What all losses of a network add up over a set of images; a view that is valid until the next pass.
package struct LossSums {
  private let values: VectorView<Double>

  package init(_ values: VectorView<Double>) { self.values = values }

  package subscript(_ index: Int) -> Double { values[index] }

  /// The sums of the loss whose sums begin at `offset` (`Architecture.lossSumsOffsets`).
  package func from(_ offset: Int) -> LossSums {
    LossSums(values[offset..<values.count])
  }

  package var count: Int { values.count }

  /// Takes the sums as those of a micro-batch.
  package func add(to total: PartialSums<Double>, _ microBatch: MicroBatchIndex) {
    total.take(values, part: microBatch.index)
  }

  /// Samples of a loss at the front of the sums.
  package var samples: Double { values[0] }
  /// Their loss.
  package var loss: Double { values[1] }
}
