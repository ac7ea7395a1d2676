/// The digest of a replica's parameters and running statistics.

import Networks
import Safetensors

extension Replica {
  /// `parameters_sha256`: equal for equal networks; see `ParametersDigest` for the recipe.
  var parametersSHA256: String { stateReaders().sha256 }
}

extension [StateTensorReader] {
  /// The same of a network's state.
  var sha256: String { sha256OfTensors(self, name: \.name, values: \.values) }
}
