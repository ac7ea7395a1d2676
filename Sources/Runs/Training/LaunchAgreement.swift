/// What all ranks of a training run must have in common before they open the data.

import Distributed
import Kernels
import Settings

extension ProcessGroup {
  /// Checks that settings are the same on all ranks, and what computes: other instructions round otherwise. Collective.
  ///
  /// - Throws: `CollectiveFailure`.
  func agree(on configuration: TrainingConfiguration, resume: String?) throws {
    try agree(
      on: configuration.values + [
        ("resume", resume ?? "not given"),
        ("OpenBLAS", "\(MatrixProduct.libraryVersion) for \(MatrixProduct.coreName)"),
        ("the kernels' instruction set", ProcessorTarget.instructionSet),
      ])
  }
}
