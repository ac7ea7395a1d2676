/// A copy of what training changes, so that it goes on while the copy is written.

import Distributed
import Networks
import Optimizers
import Tensors

/// Memory for a copy of parameters, running statistics, the optimizer's state and the average, in the order that
/// files have.
///
/// `@unchecked Sendable`: training copies into it while no checkpoint is written, and the writer reads it;
/// the writer's end is between them.
final class StateSnapshot: @unchecked Sendable {
  private let countedLayers: [String]
  private let preprocessing: [StateTensor]
  private let values: AlignedBuffer<Float>
  /// What was copied last, in `values`.
  private var weights: [StateTensorView] = []
  private var optimizerState: [StateTensorView] = []
  /// Empty where the run keeps none.
  private var average: [StateTensorView] = []

  /// Takes the memory; see `bytes`.
  ///
  /// - Parameter preprocessing: the tensors of the images' normalization.
  init(_ engine: TrainingEngine, average: WeightAverage?, preprocessing: [StateTensor]) {
    countedLayers = engine.replica.architecture.countedLayers
    self.preprocessing = preprocessing
    values = AlignedBuffer(
      uninitialized: Self.tensors(engine, average).joined().reduce(0) { $0 + $1.count })
  }

  /// Bytes of memory that a checkpoint takes: those of its tensors.
  static func bytes(
    _ layout: ParameterLayout, _ rule: any OptimizerRule, hasAverage: Bool
  ) -> Int {
    let network =
      (layout.count + layout.runningStatisticsCount) * MemoryLayout<Float>.stride
    let state = Optimizer.bytes(rule, parameters: layout.trainedCount)
    return network * (hasAverage ? 2 : 1) + state
  }

  /// The weights, the optimizer's state and the average, where training has them.
  private static func tensors(_ engine: TrainingEngine, _ average: WeightAverage?)
    -> [[StateTensorView]]
  {
    [
      engine.replica.stateViews(), engine.optimizer.stateViews(), average?.stateViews() ?? [],
    ]
  }

  /// Copies the present state.
  func take(_ engine: TrainingEngine, average: WeightAverage?) {
    var offset = 0
    let copies = Self.tensors(engine, average).map { tensors in
      tensors.map { tensor in
        let copy = values.view[offset..<offset + tensor.count]
        tensor.copy(to: copy)
        offset += tensor.count
        return StateTensorView(name: tensor.name, shape: tensor.shape, VectorView(copy))
      }
    }
    (weights, optimizerState, self.average) = (copies[0], copies[1], copies[2])
  }

  /// The copy as tensors.
  var contents: CheckpointContents {
    CheckpointContents(
      weights: weights, countedLayers: countedLayers,
      optimizerState: optimizerState.map(\.content), average: average.isEmpty ? nil : average,
      preprocessing: preprocessing)
  }
}
