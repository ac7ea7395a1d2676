/// The digest of a replica's parameters and running statistics.

import Networks
import Safetensors

extension Replica {
  /// `parameters_sha256`: equal for equal networks; see `ParametersDigest` for the recipe.
  var parametersSHA256: String { stateDictionary().sha256 }
}

extension [StateTensor] {
  /// The same of a network's state.
  var sha256: String { sha256OfTensors(map { ($0.name, $0.values) }) }
}
