/// A copy of what training changes, so that it goes on while the copy is written.

import Distributed
import Kernels
import Networks
import Optimizers
import Tensors

/// Memory for a copy of parameters, running statistics, the optimizer's state and the average.
///
/// `@unchecked Sendable`: training copies into it while no checkpoint is written, and the writer reads it;
/// the writer's end is between them.
final class StateSnapshot: @unchecked Sendable {
  private let layout: ParameterLayout
  private let countedLayers: [String]
  private let optimizerReaders: @Sendable (VectorView<Float>) -> [StateTensorReader]
  private let preprocessing: [StateTensor]
  private let parameters: AlignedBuffer<Float>
  private let statistics: AlignedBuffer<Float>
  private let optimizerState: AlignedBuffer<Float>
  private let hasAverage: Bool
  private let averageParameters: AlignedBuffer<Float>
  private let averageStatistics: AlignedBuffer<Float>

  /// Takes the memory; see `bytes`.
  ///
  /// - Parameter preprocessing: the tensors of the images' normalization.
  init(_ engine: TrainingEngine, average: WeightAverage?, preprocessing: [StateTensor]) {
    let replica = engine.replica
    layout = replica.parameterLayout
    countedLayers = replica.architecture.countedLayers
    optimizerReaders = engine.optimizer.stateReaders
    self.preprocessing = preprocessing
    parameters = AlignedBuffer(count: replica.parameters.count)
    statistics = AlignedBuffer(count: replica.runningStatistics.count)
    optimizerState = AlignedBuffer(count: engine.optimizer.state.count)
    hasAverage = average != nil
    averageParameters = AlignedBuffer(count: hasAverage ? replica.parameters.count : 0)
    averageStatistics = AlignedBuffer(count: hasAverage ? replica.runningStatistics.count : 0)
  }

  /// Bytes of memory that a checkpoint takes: the copy, and one tensor in the files' order that the writer
  /// makes of it.
  static func bytes(
    _ layout: ParameterLayout, _ rule: any OptimizerRule, hasAverage: Bool
  ) -> Int {
    fileBytes(layout, rule, hasAverage: hasAverage) + layout.largestTensorBytes
  }

  /// Bytes of a checkpoint's tensors.
  static func fileBytes(
    _ layout: ParameterLayout, _ rule: any OptimizerRule, hasAverage: Bool
  ) -> Int {
    let network =
      (layout.count + layout.runningStatisticsCount) * MemoryLayout<Float>.stride
    let state = Optimizer.bytes(rule, parameters: layout.trainedCount)
    return network * (hasAverage ? 2 : 1) + state
  }

  /// Copies the present state.
  func take(_ engine: TrainingEngine, average: WeightAverage?) {
    parameters.view.update(from: MutableVectorView(engine.replica.parameters))
    statistics.view.update(from: MutableVectorView(engine.replica.runningStatistics))
    optimizerState.view.update(from: engine.optimizer.state)
    average?.read(
      parameters: averageParameters.view, runningStatistics: averageStatistics.view)
  }

  /// The copy as tensors.
  var contents: CheckpointContents {
    CheckpointContents(
      weights: layout.stateReaders(
        parameters: VectorView(parameters.view), runningStatistics: VectorView(statistics.view)),
      countedLayers: countedLayers,
      optimizerState: optimizerReaders(VectorView(optimizerState.view)),
      average: hasAverage
        ? layout.stateReaders(
          parameters: VectorView(averageParameters.view),
          runningStatistics: VectorView(averageStatistics.view)) : nil,
      preprocessing: preprocessing)
  }
}
