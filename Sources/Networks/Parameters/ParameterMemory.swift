/// The memory of a network's parameters and running statistics.

import Tensors

/// Owned by the replicas of one network that are compiled for different image shapes.
final class ParameterMemory {
  /// In the layout's order.
  let parameters: AlignedBuffer<Float>
  /// In the layout's order.
  let runningStatistics: AlignedBuffer<Float>

  init(_ layout: ParameterLayout) {
    parameters = AlignedBuffer(count: layout.count)
    runningStatistics = AlignedBuffer(count: layout.runningStatisticsCount)
  }
}
