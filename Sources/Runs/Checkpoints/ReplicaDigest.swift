/// The digest of a replica's parameters and running statistics.

import Networks
import Safetensors

extension Replica {
  /// `parameters_sha256`: equal for equal networks; see `ParametersDigest` for the recipe.
  var parametersSHA256: String { stateViews().sha256 }
}

extension [StateTensorView] {
  /// The same of a network's state, or of a part of it.
  ///
  /// - Precondition: the tensors are sorted by name.
  var sha256: String {
    var digest = ParametersDigest()
    for tensor in self { tensor.withValues { digest.update(tensor.name, $0.elements.span) } }
    return digest.finalize()
  }
}
