/// Proof that frozen layers kept their values.

import Networks

/// The digests of a run's frozen layers at its start and at its end.
package struct FrozenDigest: Equatable, Sendable {
  package let before: String
  package let after: String
}

extension Replica {
  /// The digest of the parameters and BN statistics of the frozen layers; nil where none are frozen.
  ///
  /// Taken as `parameters_sha256`, over these tensors alone.
  var frozenSHA256: String? {
    let frozen = architecture.frozen
    if frozen.isEmpty { return nil }
    return stateViews().filter { tensor in
      frozen.contains(tensor.name.split(separator: ".").dropLast().joined(separator: "."))
    }.sha256
  }
}
