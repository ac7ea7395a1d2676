/// An exponential moving average of a network's weights.

import Networks
import Tensors

/// The average of a replica's parameters and BN statistics over its steps (Polyak and Juditsky 1992;
/// exponential as in torchvision's `ExponentialMovingAverage` and timm's `ModelEma`).
///
/// average = decay · average + (1 − decay) · weights, in Float32. Used by one thread; the same on every
/// rank, since the weights are.
package final class WeightAverage {
  package let rule: WeightAverageRule
  private let replica: TrainingReplica
  /// Of the trained layers, as the frozen ones are their own average.
  private let parameters: AlignedBuffer<Float>
  private let statistics: AlignedBuffer<Float>

  /// Begins with the replica's weights.
  package init(_ rule: WeightAverageRule, of replica: TrainingReplica) {
    self.rule = rule
    self.replica = replica
    let layout = replica.parameterLayout
    parameters = AlignedBuffer(count: layout.trainedCount)
    statistics = AlignedBuffer(count: layout.trainedStatisticsCount)
    copy()
  }

  /// Bytes that an average takes.
  package static func bytes(_ layout: ParameterLayout) -> Int {
    (layout.trainedCount + layout.trainedStatisticsCount) * MemoryLayout<Float>.stride
  }

  private var pairs: [(average: MutableVectorView<Float>, weights: MutableVectorView<Float>)] {
    [
      (parameters.view, MutableVectorView(replica.parameters)[0..<parameters.count]),
      (statistics.view, MutableVectorView(replica.runningStatistics)[0..<statistics.count]),
    ]
  }

  /// The average becomes a copy of the weights.
  package func copy() {
    for (average, weights) in pairs { average.update(from: weights) }
  }

  /// The average of all layers, frozen ones too, as tensors, sorted by name.
  package func stateViews() -> [StateTensorView] {
    // The trained layers come first.
    func part(
      _ range: Range<Int>, _ average: MutableVectorView<Float>,
      _ weights: UnsafeMutableBufferPointer<Float>
    ) -> VectorView<Float> {
      VectorView(
        range.upperBound <= average.count ? average[range] : MutableVectorView(weights)[range])
    }
    return replica.parameterLayout.stateViews(
      parameters: { part($0, parameters.view, replica.parameters) },
      runningStatistics: { part($0, statistics.view, replica.runningStatistics) })
  }

  /// Takes the weights after `step` steps into the average, where the rule says so.
  package func update(afterSteps step: Int) {
    if step <= rule.begin { return copy() }
    guard step % rule.interval == 0 else { return }
    let (kept, taken) = (Float(rule.decay), Float(1 - rule.decay))
    for (average, weights) in pairs {
      for index in 0..<average.count {
        average[index] = kept * average[index] + taken * weights[index]
      }
    }
  }

  /// Exchanges the average and the replica's weights: for an evaluation, and back after it.
  package func exchange() {
    for (average, weights) in pairs {
      for index in 0..<average.count {
        (average[index], weights[index]) = (weights[index], average[index])
      }
    }
  }

  /// Runs `body` while the replica has the averaged weights.
  package func withAveragedWeights<Result>(_ body: () throws -> Result) rethrows -> Result {
    exchange()
    defer { exchange() }
    return try body()
  }
}

/// How weights are averaged.
package struct WeightAverageRule: Hashable, Sendable {
  /// The part of the average that an update keeps.
  package var decay: Double
  /// Steps between updates.
  package var interval: Int
  /// Until this step the average is a copy of the weights: while the learning rate warms up.
  package var begin: Int

  /// For a run's summary.
  package var summary: String {
    "of the weights, decay \(decay) every \(interval) iterations, evaluated"
  }

  package init(decay: Double, interval: Int, begin: Int) {
    self.decay = decay
    self.interval = interval
    self.begin = begin
  }
}
