/// What a replica is compiled to, and the memory it will take, before any of that is taken.

import Kernels
import Tensors

/// The plans of a replica's passes; making them takes no tensor memory.
package struct ReplicaPlans {
  package let architecture: Architecture
  let parameters: ParameterLayout
  /// Nil for a replica that only evaluates.
  let training: Plan?
  let evaluation: Plan
  let evaluationLayout: ShardLayout
  let division: NormalizationGroups
  let threads: Int

  /// - Parameters:
  ///   - training: nil for a replica that only evaluates.
  ///   - evaluation: same shards and ranks as `training`.
  ///   - threads: of this rank; more than its shards are of no use.
  ///   - division: the BN groups; nil is one of the whole micro-batch.
  ///   - parameters: of a network that this one is a part of; nil: of this one.
  ///   - options: of the plans.
  package init(
    _ architecture: Architecture, training: ShardLayout?, evaluation: ShardLayout, threads: Int = 1,
    division: NormalizationGroups? = nil, parameters: ParameterLayout? = nil,
    options: Plan.Options = .init()
  ) {
    precondition(
      training == nil
        || (training!.shards == evaluation.shards && training!.ranks == evaluation.ranks),
      "training and evaluation are divided over the same shards and ranks")
    let division = division ?? NormalizationGroups(whole: training ?? evaluation)
    precondition(division.layout == training ?? evaluation, "BN groups of another mini-batch")
    let threads = max(1, min(threads, evaluation.localShards.count))
    let parameters = parameters ?? ParameterLayout(architecture)
    func plan(_ layout: ShardLayout, _ mode: PassMode) -> Plan {
      Plan(
        architecture, parameters: parameters, images: layout.localPositions.count, mode: mode,
        threads: threads, groups: division, options: options)
    }
    self.architecture = architecture
    self.parameters = parameters
    self.evaluation = plan(evaluation, .evaluation)
    self.training = training.map { plan($0, .training) }
    evaluationLayout = evaluation
    (self.division, self.threads) = (division, threads)
  }

  var all: [Plan] { [evaluation, training].compactMap(\.self) }

  /// Bytes of the arena that holds activations and their gradients.
  package var arenaBytes: Int { all.map(\.arenaBytes).max()! }

  /// Bytes of parameters and running statistics.
  package var parameterBytes: Int {
    (parameters.count + parameters.runningStatisticsCount) * MemoryLayout<Float>.stride
  }
}
