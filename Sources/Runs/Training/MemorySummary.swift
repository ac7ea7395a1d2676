/// The memory that a rank will take, in words.

import Console
import Distributed

extension MemoryNeed {
  /// The sum of a rank and its parts.
  package var summary: String {
    let parts = [
      ("activations", activations), ("parameters", parameters), ("images", images),
      ("features", features),
    ].filter { $0.1 > 0 }.map { "\($0) \(NumberFormat.mebibytes($1))" }
    return "\(NumberFormat.mebibytes(total)) a rank: " + parts.joined(separator: ", ")
  }
}
