/// BN statistics of a large sample, for after training (Ioffe & Szegedy 2015, Algorithm 2).

import Kernels

/// Mean and variance of each BN channel over many mini-batches, each normalized by its own statistics
/// as in training.
///
/// Mini-batches are merged by Chan's formula in the order in which they come, in Float64: the result is
/// the sample's mean and variance, no moving average.
package struct PopulationStatistics {
  private let slots: [RunningStatisticsSlot]
  /// Values of a channel in a mini-batch, by slot: images · H · W.
  private let rows: [Double]
  /// In the running statistics' order, Σ(x − mean)² in the variance's place.
  private var moments: [Double]
  /// Mini-batches so far.
  package private(set) var miniBatches = 0

  /// - Parameter batch: images of each mini-batch.
  package init(_ architecture: Architecture, batch: Int) {
    let layout = ParameterLayout(architecture)
    slots = layout.runningStatistics
    rows = slots.map { slot in
      let node = architecture.nodes.first { $0.name == slot.name }!
      return Double(batch * node.shape.area)
    }
    moments = Array(repeating: 0, count: layout.runningStatisticsCount)
  }

  /// Takes the next mini-batch.
  ///
  /// - Parameter statistics: what `Replica.statisticsPass` returns.
  package mutating func add(_ statistics: UnsafeBufferPointer<Double>) {
    precondition(statistics.count == moments.count, "statistics of another network")
    var next = Array(statistics)
    for (slot, rows) in zip(slots, rows) {
      for index in slot.variance { next[index] *= max(rows - 1, 1) }
      next.withUnsafeBufferPointer { next in
        moments.withUnsafeMutableBufferPointer { moments in
          BatchNormalization.mergeMoments(
            next.baseAddress! + slot.mean.lowerBound, rows: rows,
            into: moments.baseAddress! + slot.mean.lowerBound,
            rowsBefore: rows * Double(miniBatches), channels: slot.mean.count)
        }
      }
    }
    miniBatches += 1
  }

  /// Makes these the running statistics of `replica`; variances are unbiased, as PyTorch's are.
  package func store(in replica: Replica) {
    precondition(miniBatches > 0, "there is a mini-batch")
    for (slot, rows) in zip(slots, rows) {
      for index in slot.mean { replica.runningStatistics[index] = Float(moments[index]) }
      let count = rows * Double(miniBatches)
      for index in slot.variance {
        replica.runningStatistics[index] = Float(moments[index] / max(count - 1, 1))
      }
    }
  }
}
